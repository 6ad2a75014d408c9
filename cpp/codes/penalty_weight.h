// The weight l1 of a penalty on the sum of a code's values: fixed, or controlled by the count of
// active latents.
#pragma once

#include <algorithm>
#include <cmath>

#include "codes/codes.h"
#include "core/options.h"
#include "core/parameters.h"

namespace gatewise {

// With a target above 0, l1 is a state: after each step
//   log w += kIntegral e,   l1 = w exp(kProportional e),   e = log(L0 / target),
// with the L0 of the step's rows: a PI controller of log l1.
class PenaltyWeight {
 public:
  explicit PenaltyWeight(const Options& options)
      : fixed_(static_cast<float>(options.number("activation.l1"))),
        target_(options.number_or("activation.target_l0", 0)) {
    require(target_ >= 0, "target_l0: expected at least 0, got ", target_);
  }

  void declare(ParameterBlock& block) {
    if (target_ > 0) state_ = block.add_vector("penalty_weight", "state", 2);  // w, l1
  }

  float fixed() const { return fixed_; }
  bool is_zero() const { return target_ == 0 && fixed_ == 0; }
  float value(const ParameterBlock& block) const {
    return state_ < 0 ? fixed_ : block.slice(state_)[1];
  }

  void finish_step(const Codes& codes, ParameterBlock& block) const {
    if (state_ < 0 || codes.rows == 0) return;
    Index active = 0;
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
      active += codes.values[nonzero] > 0;
    // At least half a latent in all rows: the logarithm of 0 would stop the control.
    const double l0 = std::max(static_cast<double>(active), 0.5) / static_cast<double>(codes.rows);
    const double error = std::clamp(std::log(l0 / target_), -kMaxError, kMaxError);
    float* state = block.slice(state_);
    const double w = state[0] * std::exp(kIntegral * error);
    state[0] = static_cast<float>(std::clamp(w, kMin, kMax));
    state[1] = static_cast<float>(state[0] * std::exp(kProportional * error));
  }

 private:
  static constexpr double kIntegral = 0.01, kProportional = 0.5, kMaxError = 3;
  static constexpr double kMin = 1e-12, kMax = 1e6;

  float fixed_;
  double target_;
  int state_ = -1;
};

}  // namespace gatewise
