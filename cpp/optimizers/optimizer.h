// Optimizers: a formula over the update loop, its settings, and which moments it keeps. A new one
// is one file here that registers its kind, one class of gatewise/optimizers, and one test.
#pragma once

#include <cstdint>
#include <memory>

#include "core/options.h"
#include "kernels/group_shrink.h"
#include "kernels/update.h"

namespace gatewise {

class Optimizer {
 public:
  // Reads the settings that all optimizers have.
  explicit Optimizer(const Options& options);
  virtual ~Optimizer() = default;

  // The optimizer of option "kind"; refuses an option that the kind does not have.
  static std::unique_ptr<Optimizer> create(const Options& options);

  // Which arrays of the size of the parameters the formula reads and writes.
  virtual bool uses_first() const = 0;
  virtual bool uses_second() const = 0;
  virtual bool uses_third() const { return false; }
  // What the second moment of a weight without updates is; the others are 0.
  virtual float second_at_start() const { return 0; }

  // Sets `update` and `constants` for the `step`-th update of a slice, from 1 on.
  virtual void set_formula(UpdateRule& rule, std::int64_t step) const = 0;

  // Where steps differ by weight, sets how the proximal step of groups follows them.
  virtual void set_group_step(const UpdateTarget& /*target*/, GroupShrink& /*shrink*/) const {}

  // Whether the update has a proximal step for L1 and group penalties.
  virtual bool has_l1_step() const { return true; }

  // Whether only sums of the loss gradient are wanted: no penalties, and no weights change.
  virtual bool only_sums() const { return false; }

  // Whether all gradients are needed before the first update.
  bool stores_gradients() const { return clip_norm > 0 || global_clip_norm > 0; }

  double learning_rate;
  double weight_decay;      // decoupled, for kernels and biases
  double clip_norm;         // of each parameter's gradient
  double clip_value;        // of each value of a gradient
  double global_clip_norm;  // of all gradients together
  bool dense_updates;       // whether inactive experts are updated too
};

}  // namespace gatewise
