// Exponential moving averages of a layer's weights w, as in Keras:
//   a = momentum a + (1 - momentum) w   after every step
// The steps that leave a slice alone are one power of momentum: a = w + (a - w) momentum^missed.
#include <algorithm>
#include <cmath>

#include "kernels/bfloat16_copy.h"
#include "kernels/rows.h"
#include "optimizers/chunks.h"
#include "optimizers/layer_state.h"

namespace gatewise {

void LayerState::catch_up_average(int index, Index slice, std::int64_t steps) {
  if (average_.size() == 0) return;
  Slice& state = slices_[index][slice];
  const Parameter& parameter = block_.at(index);
  const float* weights = block_.slice(index, slice);
  float* average = average_.data() + parameter.slice_offset(slice);
  const std::int64_t missed = steps - state.average_steps;
  if (state.average_steps < 0) {
    for_chunks(parameter.slice_floats(), 2, [&](Index begin, Index count) {
      std::copy_n(weights + begin, count, average + begin);
    });
  } else if (missed > 0) {
    const double power = std::pow(optimizer_.average_momentum, static_cast<double>(missed));
    for_chunks(parameter.slice_floats(), 2, [&](Index begin, Index count) {
      move_towards(weights + begin, static_cast<float>(power), average + begin, count);
    });
  }
  state.average_steps = steps;
}

void LayerState::update_averages() {
  if (average_.size() == 0) return;
  const bool starts = optimizer_.average_momentum_in(step_) == 0;
  for (std::size_t at = 0; at < slices_.size(); ++at)
    for (Index slice = 0; slice < block_.at(static_cast<int>(at)).count; ++slice) {
      Slice& state = slices_[at][slice];
      if (!state.touched) continue;
      if (starts)
        state.average_steps = -1;
      else
        catch_up_average(static_cast<int>(at), slice, step_ + 1);
    }
}

// move(weights, average, count) is called for the chunks of every slice whose average is not its
// weights, caught up.
template <typename Move>
bool LayerState::move_averages(std::int64_t steps, const Move& move) {
  if (average_.size() == 0) return false;
  follow_slices();
  bool moved = false;
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int index = static_cast<int>(at);
    const Parameter& parameter = block_.at(index);
    const Index size = parameter.slice_floats();
    for (Index slice = 0; slice < parameter.count; ++slice) {
      if (slices_[at][slice].average_steps < 0) continue;
      catch_up_average(index, slice, steps);
      float* weights = block_.slice(index, slice);
      float* average = average_.data() + parameter.slice_offset(slice);
      for_chunks(size, 1, [&](Index begin, Index count) {
        move(weights + begin, average + begin, count);
        if (parameter.copy_offset >= 0)
          round_to_copy(weights, parameter.shape, begin, count, block_.copy(parameter, slice));
      });
      moved = true;
    }
  }
  return moved;
}

bool LayerState::overwrite_with_averages(std::int64_t steps) {
  const bool moved = move_averages(steps, [](float* weights, const float* average, Index count) {
    std::copy_n(average, count, weights);
  });
  reset_averages();
  return moved;
}

bool LayerState::swap_averages(std::int64_t steps) {
  return move_averages(steps, [](float* weights, float* average, Index count) {
    std::swap_ranges(weights, weights + count, average);
  });
}

void LayerState::reset_averages() {
  for (auto& slices : slices_)
    for (Slice& slice : slices) slice.average_steps = -1;
}

}  // namespace gatewise
