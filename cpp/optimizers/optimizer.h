// Which update a parameter gets, with what state. The update itself is kernels/update.h.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "kernels/group_shrink.h"
#include "kernels/update.h"

namespace gatewise {

struct Optimizer {
  UpdateKind kind = UpdateKind::kSgd;
  double learning_rate = 0.01;
  double momentum = 0;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  double weight_decay = 0;      // decoupled, of kernels and biases alike
  double clip_norm = 0;         // of each parameter's gradient
  double clip_value = 0;        // of each value of a gradient
  double global_clip_norm = 0;  // of all gradients together
  bool dense_updates = false;   // whether a resting expert is updated too

  static Optimizer from_options(const Options& options);

  // Whether gradients must be seen whole before the first update.
  bool stores_gradients() const { return clip_norm > 0 || global_clip_norm > 0; }
};

// What an optimizer keeps for one layer: moments laid out as its parameters, a step count for every
// slice (a resting expert's stands still), and the penalty of every slice as of its last update.
class LayerState final : public UpdateSink {
 public:
  // Updates wait for `apply_stored` where the optimizer clips by norm, or where the layer is used
  // repeatedly: then no gradient can be measured and made twice.
  LayerState(ParameterBlock& block, const Optimizer& optimizer, bool is_used_repeatedly);

  UpdateTarget begin(int number, Index slice) override;
  void measured(int number, double square) override { measures_[number].square = square; }
  UpdateTarget begin_measured(int number) override;
  bool updates_resting() const override { return optimizer_.dense_updates; }

  void begin_step();

  // Stored gradients: the slope of the L2 penalties is added to them, and those of zeros that stay
  // are cleared; the sum of squares of parameter `number`; and the update with all of its gradients
  // multiplied by `scale`.
  void finish_stored();
  double stored_square(int number) const;
  void apply_stored(int number, double scale);
  // Whether gradients of this step were measured, which the layer has to make and use now.
  bool has_measured() const;

  // After all updates of a step: the proximal step of group penalties, in the slices it touched.
  void shrink_touched_groups();

  // Makes the penalty of the slices that this step touched anew, or of all of them.
  void refresh_penalties(bool all);
  double penalty() const;

  bool stores_gradients() const { return waits_; }
  std::size_t parameter_count() const { return slices_.size(); }

  struct Slice {
    std::int64_t steps = 0;
    double penalty = 0;
    bool touched = false;
  };
  std::vector<std::vector<Slice>>& slices() { return slices_; }
  const ParameterBlock& block() const { return block_; }
  AlignedBuffer& first() { return first_; }
  AlignedBuffer& second() { return second_; }

 private:
  struct Measure {
    double square = 0;
    float scale = 1;
  };

  UpdateTarget target(int number, Index slice);
  GroupShrink group_shrink(int number, Index slice);
  // Adds sum_i piece_sum(slice, i) over `pieces` pieces to the penalty of each of those slices.
  template <typename PieceSum>
  void add_penalties(int number, bool all, Index pieces, const PieceSum& piece_sum);
  bool is_measured(int number) const { return gradient_offsets_[number] < 0; }
  float* gradient(int number, Index slice) {
    return gradient_.data() + gradient_offsets_[number] + slice * block_.at(number).slice_floats();
  }
  const float* gradient(int number, Index slice) const {
    return gradient_.data() + gradient_offsets_[number] + slice * block_.at(number).slice_floats();
  }

  ParameterBlock& block_;
  const Optimizer& optimizer_;
  AlignedBuffer first_;
  AlignedBuffer second_;
  bool waits_;
  AlignedBuffer gradient_;
  std::vector<Index> gradient_offsets_;  // by parameter; -1: measured
  std::vector<Measure> measures_;        // by parameter
  std::vector<std::vector<Slice>> slices_;
  std::vector<double> piece_sums_;  // scratch of `add_penalties`
};

}  // namespace gatewise
