// A loss that a function computes for the whole batch, such as one of the user's.
#pragma once

#include <functional>

#include "losses/loss.h"

namespace gatewise {

class FunctionLoss final : public Loss {
 public:
  // Sets values [count] to the losses l_i of y and, unless null, gradient [count, units] with
  // `stride` to dl_i/dy. Called on the thread of the step, outside of parallel ranges; may throw.
  using Function = std::function<void(const Predictions& y, const Target& target, float* values,
                                      float* gradient, Index stride)>;

  explicit FunctionLoss(Function function) : function_(std::move(function)) {}

  bool takes_any_target() const override { return true; }

 protected:
  void evaluate_rows(const Predictions& y, const Target& target, bool fused, float scale,
                     float divisor, float* d_y, Index d_stride, float* row_losses) const override;

 private:
  Function function_;
};

}  // namespace gatewise
