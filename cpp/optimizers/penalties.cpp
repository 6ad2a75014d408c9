// What penalties do to the weights after a step, and what they add to the loss.
#include <algorithm>

#include "core/parallel.h"
#include "kernels/reduce.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

// Values that one piece of a parallel pass over a slice takes.
constexpr Index kPiece = 4096;

double operations(const Parameter& parameter, Index pieces) {
  return static_cast<double>(parameter.slice_floats()) / static_cast<double>(pieces);
}

}  // namespace

GroupShrink LayerState::group_shrink(int number, Index slice) {
  const Parameter& parameter = block_.at(number);
  const UpdateTarget own = target(number, slice);
  return {.groups = parameter.groups,
          .rate = own.rule.learning_rate * parameter.l1,
          .second = own.second,
          .variance_root = own.rule.variance_root,
          .epsilon = own.rule.epsilon};
}

void LayerState::shrink_touched_groups() {
  if (optimizer_.kind == UpdateKind::kGradientSums) return;
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int number = static_cast<int>(at);
    const Parameter& parameter = block_.at(number);
    if (parameter.l1 == 0 || parameter.groups == WeightGroups::kNone) continue;
    const Index pieces = group_pieces(parameter.shape, parameter.groups);
    parallel_for(parameter.count * pieces, 4 * operations(parameter, pieces),
                 [&](Index begin, Index end) {
                   for (Index i = begin; i < end; ++i) {
                     const Index slice = i / pieces;
                     if (!slices_[at][slice].touched) continue;
                     shrink_groups(group_shrink(number, slice), block_.slice(number, slice),
                                   parameter.shape, i % pieces);
                   }
                 });
  }
}

template <typename PieceSum>
void LayerState::add_penalties(int number, bool all, Index pieces, const PieceSum& piece_sum) {
  const Parameter& parameter = block_.at(number);
  std::vector<Slice>& slices = slices_[number];
  const Index total = parameter.count * pieces;
  if (static_cast<Index>(piece_sums_.size()) < total) piece_sums_.resize(total);
  parallel_for(total, operations(parameter, pieces), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index slice = i / pieces;
      if (!all && !slices[slice].touched) continue;
      piece_sums_[i] = piece_sum(block_.slice(number, slice), i % pieces);
    }
  });
  for (Index i = 0; i < total; ++i) {
    Slice& state = slices[i / pieces];
    if (all || state.touched) state.penalty += piece_sums_[i];
  }
}

void LayerState::refresh_penalties(bool all) {
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int number = static_cast<int>(at);
    const Parameter& parameter = block_.at(number);
    if (parameter.l1 == 0 && parameter.l2 == 0) continue;
    for (Slice& slice : slices_[at])
      if (all || slice.touched) slice.penalty = 0;
    const bool is_grouped = parameter.groups != WeightGroups::kNone;
    const Index size = parameter.slice_floats();
    const float l1 = is_grouped ? 0 : parameter.l1;
    if (l1 > 0 || parameter.l2 > 0)
      add_penalties(number, all, ceil_divide(size, kPiece), [&](const float* w, Index piece) {
        const Index begin = piece * kPiece;
        const Norms norms = norms_of(w + begin, std::min(kPiece, size - begin));
        return l1 * norms.absolute + parameter.l2 * norms.square;
      });
    if (is_grouped && parameter.l1 > 0)
      add_penalties(number, all, group_pieces(parameter.shape, parameter.groups),
                    [&](const float* w, Index piece) {
                      return parameter.l1 *
                             group_penalty(parameter.groups, w, parameter.shape, piece);
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
