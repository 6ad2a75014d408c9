// Update rules: apply a gradient to an array of weights, with Keras' formulas.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// kMeasure updates nothing: only the gradient's norm is needed, and the gradient is recomputed
// later. kGradientSums leaves the weights unchanged and accumulates gradients and their squares.
enum class UpdateKind { kStore, kMeasure, kGradientSums, kSgd, kMomentum, kNesterov, kAdam };

// Cost of one weight's update in multiply-adds of a product: for a tile of 96 weights Adam takes
// about 170 cycles, and a row of a batch 6 (measured, AVX2).
inline constexpr Index kUpdateOperations = 28;

// One slice's rule for one step; the constants are those of the slice's own step count.
struct UpdateRule {
  UpdateKind kind = UpdateKind::kSgd;
  float learning_rate = 0;
  float momentum = 0;
  float one_minus_beta_1 = 0,
        one_minus_beta_2 = 0;  // Adam: 1 - beta_1 and 1 - beta_2, subtracted in double
  float epsilon = 0;
  float step_size = 0;       // Adam: learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
  float variance_root = 1;   // Adam: 1 / sqrt(1 - beta_2^t); sqrt(v_hat) = variance_root sqrt(v)
  float decay = 0;           // decoupled: w -= w decay, with decay = learning_rate weight_decay
  float clip_value = 0;      // clips each value of g to [-clip_value, clip_value]; 0: no clipping
  float l1 = 0, l2 = 0;      // penalty l1 sum |w| (proximal step) + l2 sum w^2 (added to g)
  bool keeps_zeros = false;  // a weight of 0 stays 0, and its gradient counts as 0
};

// The arrays of one slice that a rule reads and writes; null if its kind does not use them.
struct UpdateTarget {
  UpdateRule rule;
  float* weights = nullptr;
  float* first = nullptr;     // momentum, Adam's m, or the sum of gradients
  float* second = nullptr;    // Adam's v, or the sum of their squares
  float* gradient = nullptr;  // kStore: the gradient is added here
  float gradient_scale = 1;   // of a measured gradient; applied by the code that recomputes it
};

// Updates `count` values from `offset` on with the gradient g [count].
//   kStore     gradient += g
//   kGradientSums  first += g;  second += g^2
//   kSgd       w -= lr g
//   kMomentum  m = momentum m - lr g;  w += m
//   kNesterov  m = momentum m - lr g;  w += momentum m - lr g
//   kAdam      m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g^2 - v);
//              w -= step_size m / (sqrt(v) + epsilon)          (Kingma and Ba 2015, section 2)
// Before the last four, 2 l2 w is added to g, the sum is clipped, and w -= decay w. After them, if
// l1 > 0,
//   w = sign(w) max(|w| - t, 0) with t = lr l1, for Adam t = lr l1 / (sqrt(v_hat) + epsilon).
// With keeps_zeros, weights of 0 stay 0 and their g is 0, so that moments fade. All of this is
// elementwise: the result does not depend on how a slice is divided into calls.
void apply_update(const UpdateTarget& target, Index offset, const float* g, Index count);

// w, g [count]: g = 0 where w is 0.
void clear_at_zeros(const float* w, float* g, Index count);

// Provides the targets for the updates of one layer's step.
class UpdateSink {
 public:
  virtual ~UpdateSink() = default;

  // Returns the target of slice `slice` of parameter `parameter` and counts a step of it. Called
  // once per step and slice, from the thread that runs the step.
  virtual UpdateTarget begin(int parameter, Index slice) = 0;

  // Receives the sum of squares of a gradient whose target is kMeasure.
  virtual void measured(int /*parameter*/, double /*square*/) {}

  // Returns the target of the update that follows after gradients were measured.
  virtual UpdateTarget begin_measured(int /*parameter*/) { return {}; }

  // True if a slice without rows is updated too (with a gradient of zero).
  virtual bool updates_inactive() const = 0;
};

}  // namespace gatewise
