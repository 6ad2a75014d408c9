#include "losses/function_loss.h"

#include "core/parallel.h"

namespace gatewise {

void FunctionLoss::evaluate_rows(const Predictions& y, const Target& target, bool, float scale,
                                 float divisor, float* d_y, Index d_stride,
                                 float* row_losses) const {
  function_(y, target, row_losses, d_y, d_stride);
  parallel_for(y.count, static_cast<double>(2 * y.units), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float weight = target.weight(i), factor = scale * weight / divisor;
      row_losses[i] *= weight;
      if (!d_y) continue;
      for (Index j = 0; j < y.units; ++j) d_y[i * d_stride + j] *= factor;
    }
  });
}

}  // namespace gatewise
