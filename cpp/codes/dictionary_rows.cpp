#include "codes/dictionary_rows.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/stored_rows.h"
#include "kernels/weighted_rows.h"

namespace gatewise {

void add_decoder_rows(const Codes& codes, Index i, const StoredRows& decoder, float scale,
                      float* y) {
  for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero)
    add_scaled_row(decoder, codes.latents[nonzero], scale * codes.values[nonzero], y);
}

// Columns are read from the panels in place.
void add_encoder_columns(const Panels& encoder, const Codes& codes, const float* gradients,
                         float scale, Index i, float* y) {
  for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero) {
    const Index panel = codes.latents[nonzero] / kPanelWidth;
    const Index lane = codes.latents[nonzero] % kPanelWidth;
    const Index stride = encoder.shape.stride(panel);
    const float gradient = scale * gradients[nonzero];
    for (Index j = 0; j < encoder.shape.rows; ++j)
      y[j] += gradient * encoder.panel(panel)[j * stride + lane];
  }
}

void decoder_input_gradient(const Codes& codes, const float* d_y, Index stride,
                            const StoredRows& decoder, float* gradients) {
  const Index width = decoder.width;
  const double mean =
      static_cast<double>(codes.nonzeros()) / static_cast<double>(std::max<Index>(codes.rows, 1));
  parallel_for(codes.rows, static_cast<double>(width) * (mean + 1), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index first = codes.offsets[i];
      dots_with_rows(decoder.float32(), decoder.stride, codes.latents + first,
                     codes.offsets[i + 1] - first, d_y + i * stride, gradients + first, width);
    }
  });
}

}  // namespace gatewise
