#include "codes/dead_latents.h"

#include <algorithm>

#include "codes/selection/top_k_codes.h"
#include "core/parallel.h"

namespace gatewise {

DeadLatents find_dead_latents(const float* rows_since_active, Index latents, double limit,
                              Arena& arena) {
  DeadLatents dead;
  for (Index j = 0; j < latents; ++j) dead.count += rows_since_active[j] >= limit;
  dead.latents = arena.take<std::int32_t>(dead.count);
  Index at = 0;
  for (Index j = 0; j < latents; ++j)
    if (rows_since_active[j] >= limit) dead.latents[at++] = static_cast<std::int32_t>(j);
  return dead;
}

void gather_dead_weights(DeadLatents& dead, const Panels& w, const float* bias, Arena& arena) {
  const PanelShape shape{w.shape.rows, dead.count};
  float* data = arena.take_zeroed<float>(shape.floats());
  dead.bias = arena.take<float>(dead.count);
  dead.encoder = {data, shape};
  parallel_for(dead.count, static_cast<double>(8 * w.shape.rows), [&](Index begin, Index end) {
    for (Index j = begin; j < end; ++j) {
      const std::int32_t latent = dead.latents[j];
      const Index from = latent / kPanelWidth, to = j / kPanelWidth;
      const float* column = w.panel(from) + latent % kPanelWidth;
      float* target = data + shape.offset(to) + j % kPanelWidth;
      for (Index row = 0; row < w.shape.rows; ++row)
        target[row * shape.stride(to)] = column[row * w.shape.stride(from)];
      dead.bias[j] = bias[latent];
    }
  });
}

Codes dead_codes(const DeadLatents& dead, const Rows& u, Index rows, Index k, Arena& arena) {
  EncoderProduct product{.x = u, .rows = rows, .w = dead.encoder, .terms = {.bias = dead.bias}};
  product.panel_end = dead.encoder.shape.panels();
  RowThresholdEstimate estimate;
  const Codes codes = top_k_codes(product, std::min(k, dead.count), estimate, arena);
  for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
    codes.latents[nonzero] = dead.latents[codes.latents[nonzero]];
  return codes;
}

}  // namespace gatewise
