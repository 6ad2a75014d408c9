#include "kernels/update.h"

#include <algorithm>

#include "kernels/bfloat16_copy.h"
#include "kernels/update_loop.h"

namespace gatewise {

void apply_update(const UpdateTarget& target, Index offset, const float* g, Index count) {
  switch (target.rule.use) {
    case GradientUse::kMeasure:
      return;
    case GradientUse::kStore:
      for (Index i = 0; i < count; ++i) target.gradient[offset + i] += g[i];
      return;
    case GradientUse::kApply:
      target.rule.update(target, offset, g, count);
      if (target.copy) round_to_copy(target.weights, target.shape, offset, count, target.copy);
      return;
  }
}

void clear_at_zeros(const float* w, float* g, Index count) {
  for (Index i = 0; i < count; i += kPanelWidth) {
    const Index width = std::min(count - i, kPanelWidth);
    where_not_zero(Vector::load_up_to(w + i, width), Vector::load_up_to(g + i, width))
        .store_up_to(g + i, width);
  }
}

}  // namespace gatewise
