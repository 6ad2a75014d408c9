#include "layers/dictionary/dictionary_arrays.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/rows.h"
#include "kernels/weighted_rows.h"

namespace gatewise {

void DictionaryArrays::add_rows(const SparseRows& codes, Index begin, Index end, const float* start,
                                float* sum) const {
  weighted_rows(decoder, codes.columns + begin, codes.values + begin, end - begin, start, sum);
}

void DictionaryArrays::unscale(float* y) const {
  const float inverse = 1.0f / scale;
  const Index columns = width();
  for (Index j = 0; j < columns; ++j) y[j] = y[j] * inverse + center[j];
}

void DictionaryArrays::reconstruct(const SparseRows& codes, Index rows, float* y,
                                   Index y_stride) const {
  const double nonzeros = static_cast<double>(codes.nonzeros(0, rows)) / static_cast<double>(rows);
  parallel_for(rows, static_cast<double>(width()) * (nonzeros + 2), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* to = y + i * y_stride;
      add_rows(codes, codes.begin(i), codes.end(i), decoder_bias, to);
      unscale(to);
    }
  });
}

void set_gradients(const float* from, float scale, const float* base, float* to, Index floats) {
  parallel_for(ceil_divide(floats, kPanelWidth), kPanelWidth, [&](Index begin, Index end) {
    const Index first = begin * kPanelWidth, count = std::min(end * kPanelWidth, floats) - first;
    set_scaled(from + first, scale, to + first, count);
    if (base) add_scaled(base + first, 1.0f, to + first, count);
  });
}

}  // namespace gatewise
