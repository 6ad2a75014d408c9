// Optimizer state of a layer, and the updates of its parameters.
#pragma once

#include <vector>

#include "core/aligned_buffer.h"
#include "optimizers/optimizer.h"

namespace gatewise {

// Optimizer state of one layer: moments and averages laid out like its parameters, an update count
// per slice (constant while it is untouched), and the penalty of every slice as of its last update.
class LayerState final : public UpdateSink {
 public:
  // Updates wait for `apply_stored` if the optimizer clips by norm or needs whole gradients, or if
  // the layer is used repeatedly: in the latter cases no gradient can be measured and recomputed.
  LayerState(ParameterBlock& block, const Optimizer& optimizer, bool is_used_repeatedly);

  UpdateTarget begin(int index, Index slice) override;
  void measured(int index, double square) override { measures_[index].square = square; }
  UpdateTarget begin_measured(int index) override;
  bool updates_inactive() const override { return optimizer_.dense_updates; }

  // Starts step `step`, from 0 on.
  void begin_step(std::int64_t step = 0);

  // Moves what belongs to slices to where they are now: new ones have no moments and no steps.
  void follow_slices();
  // The state was set for the slices as they are now.
  void accept_slices();

  // For stored gradients. `finish_stored` divides sums over several steps by their count, adds the
  // gradient of the L2 penalties and clears the gradients of zeros that are kept; `stored_square`
  // returns the sum of squares of parameter `index`; `apply_stored` updates with its gradients
  // multiplied by `scale`.
  void finish_stored();
  double stored_square(int index) const;
  void apply_stored(int index, double scale);
  // Whether gradients of this step were only measured, so that the layer must recompute and apply
  // them.
  bool has_measured() const;

  // After all updates of a step: the proximal step of group penalties, then the constraints, of
  // touched slices.
  void shrink_touched_groups();
  void constrain_touched();

  // Exponential moving averages of the weights, if the optimizer has them. A slice that a step does
  // not touch is not read: its average is caught up in closed form when it is read or the slice is
  // next updated. `update_averages` comes after a step's updates. The others are for `steps` steps:
  // averages overwrite weights, or are exchanged with them; both return whether weights changed.
  void update_averages();
  bool overwrite_with_averages(std::int64_t steps);
  bool swap_averages(std::int64_t steps);
  // The averages become the weights as they are.
  void reset_averages();

  // Recomputes the penalty of the slices that this step touched, or of all of them.
  void refresh_penalties(bool all);
  double penalty() const;

  bool stores_gradients() const { return stores_gradients_; }
  std::size_t parameter_count() const { return slices_.size(); }

  struct Slice {
    std::int64_t steps = 0;
    double penalty = 0;
    bool touched = false;
    // How many steps its average includes; -1: the average is the weights, and its array unused.
    std::int64_t average_steps = -1;
  };
  std::vector<std::vector<Slice>>& slices() { return slices_; }
  const ParameterBlock& block() const { return block_; }
  AlignedBuffer& first() { return first_; }
  AlignedBuffer& second() { return second_; }
  AlignedBuffer& third() { return third_; }
  AlignedBuffer& average() { return average_; }
  AlignedBuffer& statistics() { return statistics_; }
  // Gradients of the steps since the last update; empty if every step is one.
  AlignedBuffer& accumulated() { return optimizer_.accumulation_steps > 1 ? gradient_ : none_; }

 private:
  struct Measure {
    double square = 0;
    float scale = 1;
  };

  UpdateTarget target(int index, Index slice);
  // Brings the average of a slice up to date with its weights as they were in the steps it missed.
  void catch_up_average(int index, Index slice, std::int64_t steps);
  template <typename Move>
  bool move_averages(std::int64_t steps, const Move& move);
  void copy_touched(int index);
  GroupShrink group_shrink(int index, Index slice);
  // Adds sum_i chunk_sum(slice, i) over `num_chunks` chunks to the penalty of each of those slices.
  template <typename ChunkSum>
  void add_penalties(int index, bool all, Index num_chunks, const ChunkSum& chunk_sum);
  bool is_measured(int index) const { return gradient_offsets_[index] < 0; }
  float* gradient(int index, Index slice) {
    return gradient_.data() + gradient_offsets_[index] + slice * block_.at(index).slice_floats();
  }
  const float* gradient(int index, Index slice) const {
    return gradient_.data() + gradient_offsets_[index] + slice * block_.at(index).slice_floats();
  }

  float* statistics(int index, Index slice) {
    const Index floats = optimizer_.statistics_floats(block_.at(index));
    return statistics_.data() + statistics_offsets_[index] + slice * floats;
  }

  ParameterBlock& block_;
  const Optimizer& optimizer_;
  AlignedBuffer first_;
  AlignedBuffer second_;
  AlignedBuffer third_;
  AlignedBuffer average_;
  AlignedBuffer statistics_;
  std::vector<Index> statistics_offsets_;  // by parameter
  bool stores_gradients_;
  AlignedBuffer gradient_;
  AlignedBuffer none_;
  std::vector<Index> gradient_offsets_;  // by parameter; -1: measured
  std::vector<Measure> measures_;        // by parameter
  std::int64_t step_ = 0;
  std::vector<std::vector<Slice>> slices_;
  std::vector<std::vector<Index>> slice_ids_;  // by parameter, as of the last `follow_slices`
  std::vector<double> chunk_sums_;             // scratch of `add_penalties`
};

}  // namespace gatewise
