// Penalties and constraints: what they do after an update, and the penalties' part of the loss.
#include <algorithm>

#include "kernels/bfloat16_copy.h"
#include "kernels/constrain.h"
#include "kernels/reduce.h"
#include "optimizers/chunks.h"
#include "optimizers/layer_state.h"

namespace gatewise {
namespace {

double operations(const Parameter& parameter, Index num_chunks) {
  return static_cast<double>(parameter.slice_floats()) / static_cast<double>(num_chunks);
}

}  // namespace

GroupShrink LayerState::group_shrink(int index, Index slice) {
  const Parameter& parameter = block_.at(index);
  const UpdateTarget update_target = target(index, slice);
  GroupShrink shrink{.groups = parameter.groups,
                     .rate = update_target.rule.learning_rate * parameter.l1};
  optimizer_.set_group_step(update_target, shrink);
  return shrink;
}

void LayerState::shrink_touched_groups() {
  if (optimizer_.only_sums()) return;
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int index = static_cast<int>(at);
    const Parameter& parameter = block_.at(index);
    if (parameter.l1 == 0 || parameter.groups == WeightGroups::kNone) continue;
    const Index num_chunks = num_group_chunks(parameter.shape, parameter.groups);
    parallel_for(parameter.count * num_chunks, 4 * operations(parameter, num_chunks),
                 [&](Index begin, Index end) {
                   for (Index i = begin; i < end; ++i) {
                     const Index slice = i / num_chunks;
                     if (!slices_[at][slice].touched) continue;
                     shrink_groups(group_shrink(index, slice), block_.slice(index, slice),
                                   parameter.shape, i % num_chunks);
                   }
                 });
    copy_touched(index);
  }
}

void LayerState::constrain_touched() {
  if (optimizer_.only_sums()) return;
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int index = static_cast<int>(at);
    const Parameter& parameter = block_.at(index);
    if (parameter.constraint.kind == ConstraintKind::kNone) continue;
    const Index num_parts = num_constrained_parts(parameter.constraint, parameter.shape);
    parallel_for(parameter.count * num_parts, operations(parameter, num_parts),
                 [&](Index begin, Index end) {
                   for (Index i = begin; i < end; ++i) {
                     const Index slice = i / num_parts;
                     if (slices_[at][slice].touched)
                       constrain(parameter.constraint, block_.slice(index, slice), parameter.shape,
                                 parameter.layout, i % num_parts);
                   }
                 });
    copy_touched(index);
  }
}

void LayerState::copy_touched(int index) {
  const Parameter& parameter = block_.at(index);
  if (parameter.copy_offset < 0) return;
  parallel_for(parameter.count, static_cast<double>(parameter.slice_floats()),
               [&](Index begin, Index end) {
                 for (Index slice = begin; slice < end; ++slice)
                   if (slices_[index][slice].touched)
                     round_to_copy(block_.slice(index, slice), parameter.shape, 0,
                                   parameter.slice_floats(), block_.copy(parameter, slice));
               });
}

template <typename ChunkSum>
void LayerState::add_penalties(int index, bool all, Index num_chunks, const ChunkSum& chunk_sum) {
  const Parameter& parameter = block_.at(index);
  std::vector<Slice>& slices = slices_[index];
  const Index total = parameter.count * num_chunks;
  if (static_cast<Index>(chunk_sums_.size()) < total) chunk_sums_.resize(total);
  parallel_for(total, operations(parameter, num_chunks), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index slice = i / num_chunks;
      if (!all && !slices[slice].touched) continue;
      chunk_sums_[i] = chunk_sum(block_.slice(index, slice), i % num_chunks);
    }
  });
  for (Index i = 0; i < total; ++i) {
    Slice& state = slices[i / num_chunks];
    if (all || state.touched) state.penalty += chunk_sums_[i];
  }
}

void LayerState::refresh_penalties(bool all) {
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int index = static_cast<int>(at);
    const Parameter& parameter = block_.at(index);
    if (parameter.l1 == 0 && parameter.l2 == 0) continue;
    for (Slice& slice : slices_[at])
      if (all || slice.touched) slice.penalty = 0;
    const bool is_grouped = parameter.groups != WeightGroups::kNone;
    const Index size = parameter.slice_floats();
    const float l1 = is_grouped ? 0 : parameter.l1;
    if (l1 > 0 || parameter.l2 > 0)
      add_penalties(index, all, ceil_divide(size, kChunkSize), [&](const float* w, Index chunk) {
        const Index begin = chunk * kChunkSize;
        const Norms norms = norms_of(w + begin, std::min(kChunkSize, size - begin));
        return l1 * norms.absolute + parameter.l2 * norms.square;
      });
    if (is_grouped && parameter.l1 > 0)
      add_penalties(index, all, num_group_chunks(parameter.shape, parameter.groups),
                    [&](const float* w, Index chunk) {
                      return parameter.l1 *
                             group_penalty(parameter.groups, w, parameter.shape, chunk);
                    });
  }
}

double LayerState::penalty() const {
  double sum = 0;
  for (const auto& slices : slices_)
    for (const Slice& slice : slices) sum += slice.penalty;
  return sum;
}

}  // namespace gatewise
