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

  // Whether a slice is updated as a whole by `update_slice`, not value by value by a formula.
  virtual bool updates_whole_slices() const { return false; }
  // Count of floats that `update_slice` keeps of a slice; they start as 0.
  virtual Index statistics_floats(const Parameter& /*parameter*/) const { return 0; }
  // Updates a slice with its gradient g, which is overwritten, and its statistics. L2 penalty and
  // clipping by norms are already in g.
  virtual void update_slice(const UpdateTarget& /*target*/, const Parameter& /*parameter*/,
                            float* /*g*/, float* /*statistics*/) const {}

  // Whether the update has a proximal step for L1 and group penalties.
  virtual bool has_l1_step() const { return true; }

  // Whether only sums of the loss gradient are wanted: no penalties, and no weights change.
  virtual bool only_sums() const { return false; }

  // Whether whole gradients are needed: none can be measured and then recomputed.
  bool keeps_gradients() const { return accumulation_steps > 1 || updates_whole_slices(); }
  // Whether all gradients are needed before the first update.
  bool stores_gradients() const {
    return clip_norm > 0 || global_clip_norm > 0 || keeps_gradients();
  }
  // Whether step `step`, from 0 on, ends with an update.
  bool updates_in(std::int64_t step) const { return (step + 1) % accumulation_steps == 0; }

  // Whether averages of the weights are kept, and their momentum in step `step`: averages start as
  // the weights after the first update.
  bool uses_averages() const { return average_momentum >= 0; }
  double average_momentum_in(std::int64_t step) const {
    return step < accumulation_steps ? 0 : average_momentum;
  }
  // Whether the averages overwrite the weights after step `step`.
  bool overwrites_in(std::int64_t step) const {
    return overwrite_updates > 0 && (step / accumulation_steps + 1) % overwrite_updates == 0;
  }

  double learning_rate;
  double weight_decay;      // decoupled, for kernels and biases
  double clip_norm;         // of each parameter's gradient
  double clip_value;        // of each value of a gradient
  double global_clip_norm;  // of all gradients together
  bool dense_updates;       // whether inactive experts are updated too
  // An update has the mean of the gradients of so many steps.
  std::int64_t accumulation_steps;
  double average_momentum;         // of the weights' averages, up to 1; negative: there are none
  std::int64_t overwrite_updates;  // every so many updates averages overwrite weights; 0: never
};

}  // namespace gatewise
