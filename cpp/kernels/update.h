// Updates: what happens to the gradient of an array of weights. An optimizer's formula lies in a
// file of cpp/optimizers, over the loop of kernels/update_loop.h.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// kApply calls the optimizer's formula. kStore adds the gradient to an array. kMeasure updates
// nothing: only the gradient's norm is needed, and the gradient is recomputed later.
enum class GradientUse { kApply, kStore, kMeasure };

// Cost of one weight's update in multiply-adds of a product: for a tile of 96 weights Adam takes
// about 170 cycles, and a row of a batch 6 (measured, AVX2).
inline constexpr Index kUpdateOperations = 28;

struct UpdateTarget;

// Updates `count` values from `offset` on with the gradient g [count]. Elementwise: the result does
// not depend on how a slice is divided into calls.
using UpdateFunction = void (*)(const UpdateTarget& target, Index offset, const float* g,
                                Index count);

// One slice's rule for one step; the constants are those of the slice's own step count.
struct UpdateRule {
  GradientUse use = GradientUse::kApply;
  UpdateFunction update = nullptr;  // the optimizer's formula, for kApply
  float learning_rate = 0;
  float constants[6] = {};   // of the formula; each optimizer names its own
  float decay = 0;           // decoupled: w -= w decay, with decay = learning_rate weight_decay
  float clip_value = 0;      // clips each value of g to [-clip_value, clip_value]; 0: no clipping
  float l1 = 0, l2 = 0;      // penalty l1 sum |w| (proximal step) + l2 sum w^2 (added to g)
  bool keeps_zeros = false;  // a weight of 0 stays 0, and its gradient counts as 0
};

// The arrays of one slice that a rule reads and writes; null if its formula does not use them.
struct UpdateTarget {
  UpdateRule rule;
  float* weights = nullptr;
  float* first = nullptr;     // momentum, Adam's m, or the sum of gradients
  float* second = nullptr;    // Adam's v, or the sum of squared gradients
  float* third = nullptr;     // AMSGrad's largest v, or another array that few formulas use
  float* gradient = nullptr;  // kStore: the gradient is added here
  // The bfloat16 copy of the weights, a kernel of this shape; null: it has none.
  std::uint16_t* copy = nullptr;
  PanelShape shape = {};
  float gradient_scale = 1;  // of a measured gradient; applied by the code that recomputes it
};

// Does with the gradient g [count] of the values from `offset` on what the rule says.
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
