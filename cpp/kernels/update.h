// Update rules: what happens to a stretch of weights when its gradient is known. Keras' formulas.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// kMeasure is no update: the gradient's norm is asked for, and it will be made again. Nor is
// kGradientSums, which leaves the weights as they are and keeps sums of what it is given.
enum class UpdateKind { kStore, kMeasure, kGradientSums, kSgd, kMomentum, kNesterov, kAdam };

// An update of a weight takes about as long as so many multiply-adds of a product: a tile of 96
// weights takes some 170 cycles in Adam, a row of a batch through it 6 (measured, AVX2).
inline constexpr Index kUpdateOperations = 28;

// One slice's rule for one step: constants are those of the slice's own step count.
struct UpdateRule {
  UpdateKind kind = UpdateKind::kSgd;
  float learning_rate = 0;
  float momentum = 0;
  float one_minus_beta_1 = 0,
        one_minus_beta_2 = 0;  // Adam: 1 - beta_1 and 1 - beta_2, subtracted in double
  float epsilon = 0;
  float step_size = 0;       // Adam: learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
  float variance_root = 1;   // Adam: 1 / sqrt(1 - beta_2^t), which takes sqrt(v) to sqrt(v_hat)
  float decay = 0;           // decoupled: w -= w decay, with decay = learning_rate weight_decay
  float clip_value = 0;      // each gradient to [-clip_value, clip_value]; 0: none
  float l1 = 0, l2 = 0;      // penalty l1 sum |w| + l2 sum w^2: proximal, and added to the gradient
  bool keeps_zeros = false;  // a weight of 0 stays 0, and its gradient counts as 0
};

// The arrays of one slice that a rule reads and writes; those that its kind does not use are null.
struct UpdateTarget {
  UpdateRule rule;
  float* weights = nullptr;
  float* first = nullptr;     // momentum, Adam's m, or the sum of gradients
  float* second = nullptr;    // Adam's v, or the sum of their squares
  float* gradient = nullptr;  // kStore: here the gradient is added
  float gradient_scale = 1;   // of a gradient that was measured: whoever makes it again applies it
};

// Updates `count` values from `offset` on with the gradient g [count].
//   kStore     gradient += g
//   kGradientSums  first += g;  second += g^2
//   kSgd       w -= lr g
//   kMomentum  m = momentum m - lr g;  w += m
//   kNesterov  m = momentum m - lr g;  w += momentum m - lr g
//   kAdam      m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g^2 - v);
//              w -= step_size m / (sqrt(v) + epsilon)          (Kingma and Ba 2015, section 2)
// after w -= decay w, with 2 l2 w added to g and the sum clipped. Then, where l1 > 0,
//   w = sign(w) max(|w| - t, 0) with t = lr l1, for Adam t = lr l1 / (sqrt(v_hat) + epsilon).
// With keeps_zeros all of this is for weights other than 0; for the others g is 0, so that moments
// fade. Elementwise: how a slice is cut into stretches does not matter.
void apply_update(const UpdateTarget& target, Index offset, const float* g, Index count);

// g = 0 wherever w is 0; [count] each.
void clear_at_zeros(const float* w, float* g, Index count);

// Gives the updates of one layer's step their targets.
class UpdateSink {
 public:
  virtual ~UpdateSink() = default;

  // The target of slice `slice` of parameter `parameter`, counting a step of it. Once a step and
  // slice, from the thread that runs the step.
  virtual UpdateTarget begin(int parameter, Index slice) = 0;

  // The sum of squares of a gradient whose target is kMeasure.
  virtual void measured(int /*parameter*/, double /*square*/) {}

  // The target of the update that follows, where gradients were measured first.
  virtual UpdateTarget begin_measured(int /*parameter*/) { return {}; }

  // Whether a slice without rows is updated too (with a gradient of zero).
  virtual bool updates_inactive() const = 0;
};

}  // namespace gatewise
