#include "optimizers/layer_state.h"

#include <algorithm>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "optimizers/chunks.h"

namespace gatewise {

LayerState::LayerState(ParameterBlock& block, const Optimizer& optimizer, bool is_used_repeatedly)
    : block_(block),
      optimizer_(optimizer),
      stores_gradients_((optimizer.stores_gradients() || is_used_repeatedly) && block.size() > 0),
      measures_(block.all().size()) {
  for (const Parameter& parameter : block.all()) {
    require(parameter.l1 == 0 || optimizer.has_l1_step(),
            "kernel_regularizer: expected no L1 or GroupL1 penalty with this optimizer, whose "
            "update has no proximal step");
    require(!parameter.is_updated_in_parts || !optimizer.keeps_gradients(),
            "optimizer: expected one without gradient_accumulation_steps, and not Adafactor, for "
            "a dictionary with lazy_updates or num_experts, of which a step updates parts");
  }
  const Index size = block.is_quantized() ? 0 : block.size();
  if (optimizer.uses_first()) first_ = AlignedBuffer(size);
  if (optimizer.uses_second()) second_ = AlignedBuffer(size);
  if (optimizer.uses_third()) third_ = AlignedBuffer(size);
  if (const float start = optimizer.second_at_start(); start != 0)
    std::fill_n(second_.data(), second_.size(), start);
  if (optimizer.uses_averages()) average_ = AlignedBuffer(size);
  const bool may_measure = !is_used_repeatedly && !optimizer.keeps_gradients();
  Index stored = 0, statistics = 0;
  for (const Parameter& parameter : block.all()) {
    statistics_offsets_.push_back(statistics);
    statistics += parameter.capacity * optimizer.statistics_floats(parameter);
    const bool is_measured = parameter.recomputes_gradient && may_measure;
    gradient_offsets_.push_back(is_measured ? -1 : stored);
    if (!is_measured) stored += parameter.capacity * parameter.slice_floats();
  }
  if (stores_gradients_ && size > 0) gradient_ = AlignedBuffer(stored);
  if (size > 0 && statistics > 0) statistics_ = AlignedBuffer(statistics);
  for (const Parameter& parameter : block.all())
    slices_.emplace_back(static_cast<std::size_t>(parameter.capacity));
  accept_slices();
  refresh_penalties(true);
}

void LayerState::accept_slices() {
  slice_ids_.clear();
  for (const Parameter& parameter : block_.all()) slice_ids_.push_back(parameter.slice_ids);
}

void LayerState::follow_slices() {
  for (std::size_t index = 0; index < slices_.size(); ++index) {
    const Parameter& parameter = block_.at(static_cast<int>(index));
    std::vector<Index>& before = slice_ids_[index];
    if (before == parameter.slice_ids) continue;
    std::vector<Index> from(static_cast<std::size_t>(parameter.count));  // -1: a new slice
    for (Index slice = 0; slice < parameter.count; ++slice) {
      const Index id = parameter.slice_ids[slice];
      if (before.empty()) {
        from[slice] = id < parameter.capacity ? id : -1;
      } else {
        const auto found = std::find(before.begin(), before.end(), id);
        from[slice] = found == before.end() ? -1 : found - before.begin();
      }
    }
    const std::vector<Slice> slices = slices_[index];
    for (Index slice = 0; slice < parameter.count; ++slice)
      slices_[index][slice] = from[slice] < 0 ? Slice{} : slices[from[slice]];
    const auto move = [&](AlignedBuffer& buffer, Index offset, Index floats, float start) {
      if (buffer.size() == 0) return;
      float* to = buffer.data() + offset;
      const std::vector<float> old(to, to + parameter.capacity * floats);
      for (Index slice = 0; slice < parameter.count; ++slice)
        if (from[slice] < 0)
          std::fill_n(to + slice * floats, floats, start);
        else
          std::copy_n(old.data() + from[slice] * floats, floats, to + slice * floats);
    };
    const Index floats = parameter.slice_floats();
    move(first_, parameter.offset, floats, 0);
    move(second_, parameter.offset, floats, optimizer_.second_at_start());
    move(third_, parameter.offset, floats, 0);
    move(average_, parameter.offset, floats, 0);
    move(accumulated(), gradient_offsets_[index], floats, 0);
    move(statistics_, statistics_offsets_[index], optimizer_.statistics_floats(parameter), 0);
    before = parameter.slice_ids;
  }
}

void LayerState::begin_step(std::int64_t step) {
  follow_slices();
  step_ = step;
  if (step % optimizer_.accumulation_steps != 0) return;  // adds to the gradients of the last one
  for (auto& slices : slices_)
    for (Slice& slice : slices) slice.touched = false;
}

// Returns the rule and arrays for the next update of a slice, whose step count is already
// incremented.
UpdateTarget LayerState::target(int index, Index slice) {
  const Optimizer& o = optimizer_;
  const Parameter& parameter = block_.at(index);
  const Index offset = parameter.slice_offset(slice);
  UpdateTarget target;
  target.weights = block_.data() + offset;
  if (first_.size() > 0) target.first = first_.data() + offset;
  if (second_.size() > 0) target.second = second_.data() + offset;
  if (third_.size() > 0) target.third = third_.data() + offset;
  target.copy = block_.copy(parameter, slice);
  target.shape = parameter.shape;
  UpdateRule& rule = target.rule;
  rule.learning_rate = static_cast<float>(o.learning_rate);
  rule.decay = static_cast<float>(o.learning_rate * o.weight_decay);
  rule.clip_value = static_cast<float>(o.clip_value);
  rule.l1 = parameter.groups == WeightGroups::kNone ? parameter.l1 : 0;
  rule.l2 = parameter.l2;
  rule.keeps_zeros = parameter.keeps_zeros;
  o.set_formula(rule, slices_[index][slice].steps);
  return target;
}

UpdateTarget LayerState::begin(int index, Index slice) {
  Slice& state = slices_[index][slice];
  const bool first_touch = !state.touched;
  if (first_touch) ++state.steps;
  state.touched = true;
  if (!stores_gradients()) {
    catch_up_average(index, slice, step_);
    return target(index, slice);
  }
  const Parameter& parameter = block_.at(index);
  UpdateTarget stored;
  stored.rule.use = is_measured(index) ? GradientUse::kMeasure : GradientUse::kStore;
  if (is_measured(index)) return stored;
  stored.gradient = gradient(index, slice);
  if (first_touch) std::fill_n(stored.gradient, parameter.slice_floats(), 0.0f);
  return stored;
}

UpdateTarget LayerState::begin_measured(int index) {
  catch_up_average(index, 0, step_);
  UpdateTarget update_target = target(index, 0);
  update_target.gradient_scale = measures_[index].scale;
  return update_target;
}

bool LayerState::has_measured() const {
  for (std::size_t index = 0; index < slices_.size(); ++index)
    if (stores_gradients_ && is_measured(static_cast<int>(index)) && slices_[index][0].touched)
      return true;
  return false;
}

void LayerState::finish_stored() {
  if (optimizer_.only_sums()) return;  // sums of the loss gradient only
  const float share = 1.0f / static_cast<float>(optimizer_.accumulation_steps);
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int index = static_cast<int>(at);
    const Parameter& parameter = block_.at(index);
    if ((parameter.l2 == 0 && !parameter.keeps_zeros && share == 1) || is_measured(index)) continue;
    for (Index slice = 0; slice < parameter.count; ++slice) {
      if (!slices_[at][slice].touched) continue;
      const float* weights = block_.slice(index, slice);
      float* g = gradient(index, slice);
      if (share != 1) set_scaled(g, share, g, parameter.slice_floats());
      if (parameter.l2 > 0) add_scaled(weights, 2 * parameter.l2, g, parameter.slice_floats());
      if (parameter.keeps_zeros) clear_at_zeros(weights, g, parameter.slice_floats());
    }
  }
}

double LayerState::stored_square(int index) const {
  if (is_measured(index)) return slices_[index][0].touched ? measures_[index].square : 0;
  const Parameter& parameter = block_.at(index);
  double sum = 0;
  for (Index slice = 0; slice < parameter.count; ++slice) {
    if (!slices_[index][slice].touched) continue;
    const float* g = gradient(index, slice);
    for (Index i = 0; i < parameter.slice_floats(); i += kChunkSize)
      sum += norms_of(g + i, std::min(kChunkSize, parameter.slice_floats() - i)).square;
  }
  return sum;
}

void LayerState::apply_stored(int index, double scale) {
  const Parameter& parameter = block_.at(index);
  const Index size = parameter.slice_floats();
  const auto factor = static_cast<float>(scale);
  measures_[index].scale = factor;
  if (is_measured(index)) return;
  for (Index slice = 0; slice < parameter.count; ++slice) {
    if (!slices_[index][slice].touched) continue;
    catch_up_average(index, slice, step_);
    float* g = gradient(index, slice);
    UpdateTarget update_target = target(index, slice);
    update_target.rule.l2 = 0;  // already in the gradient
    if (optimizer_.updates_whole_slices()) {
      if (factor != 1) set_scaled(g, factor, g, size);
      optimizer_.update_slice(update_target, parameter, g, statistics(index, slice));
      continue;
    }
    for_chunks(size, 8, [&](Index from, Index count) {
      if (factor != 1)
        for (Index i = from; i < from + count; ++i) g[i] *= factor;
      apply_update(update_target, from, g + from, count);
    });
  }
}

}  // namespace gatewise
