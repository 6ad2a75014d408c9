#include "routing/dispatch.h"

#include <algorithm>

namespace gatewise {
namespace {

// Max count of the row blocks that threads share: one for each of 16 threads.
constexpr Index kMaxBlocks = 16;

// A block counts assignments per expert, so it has at least as many assignments as experts, and
// enough of them to be worth a thread.
constexpr Index kMinAssignments = 1024;

// Counting an assignment takes about 1 ns and sorting it 2 to 3 ns, as long as this many
// multiply-adds of a product (EPYC 9004).
constexpr double kCountOperations = 32, kSortOperations = 80;

// Runs body(block, first row, last row) for blocks of consecutive rows.
template <typename Body>
void for_blocks(const Choice& choice, const Tally& tally, double operations, const Body& body) {
  const auto num_assignments = static_cast<double>(choice.num_assignments());
  const double mean = num_assignments / static_cast<double>(tally.blocks);
  parallel_for(tally.blocks, operations * mean, [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block)
      body(block, std::min(choice.rows, block * tally.rows_per_block),
           std::min(choice.rows, (block + 1) * tally.rows_per_block));
  });
}

}  // namespace

Choice make_choice(Index rows, Index per_row, Arena& arena) {
  Choice choice;
  choice.rows = rows;
  choice.offsets = arena.take<Index>(rows + 1);
  choice.experts = arena.take<std::int32_t>(rows * per_row);
  choice.weights = arena.take<float>(rows * per_row);
  for (Index i = 0; i <= rows; ++i) choice.offsets[i] = i * per_row;
  return choice;
}

Tally tally_choice(const Choice& choice, Index experts, Arena& arena) {
  const Index num_assignments = choice.num_assignments();
  Tally tally;
  tally.blocks =
      std::clamp<Index>(num_assignments / std::max(experts, kMinAssignments), 1, kMaxBlocks);
  tally.rows_per_block = ceil_divide(choice.rows, tally.blocks);
  tally.by_block = arena.take<Index>(tally.blocks * experts);
  tally.totals = arena.take_zeroed<Index>(experts);
  for_blocks(choice, tally, kCountOperations, [&](Index block, Index row, Index row_end) {
    Index* counts = tally.by_block + block * experts;
    std::fill_n(counts, experts, Index{0});
    for (Index assignment = choice.offsets[row]; assignment < choice.offsets[row_end]; ++assignment)
      ++counts[choice.experts[assignment]];
  });
  for (Index block = 0; block < tally.blocks; ++block)
    for (Index e = 0; e < experts; ++e) tally.totals[e] += tally.by_block[block * experts + e];
  return tally;
}

Dispatch make_dispatch(const Choice& choice, Index experts, Arena& arena, bool with_positions) {
  const Tally tally = choice.tally.totals ? choice.tally : tally_choice(choice, experts, arena);
  const Index size = std::max(choice.num_assignments(), choice.max_assignments);
  Index* offsets = arena.take<Index>(experts + 1);
  offsets[0] = 0;
  for (Index e = 0; e < experts; ++e) offsets[e + 1] = offsets[e] + tally.totals[e];
  Dispatch dispatch;
  dispatch.groups = {offsets, experts};
  dispatch.row_of = arena.take<Index>(size);
  dispatch.assignment_of = arena.take<Index>(size);
  if (with_positions) dispatch.position_of = arena.take<Index>(size);

  // next_positions[b, e]: position of block b's next assignment to expert e, after those of earlier
  // blocks.
  Index* next_positions = arena.take<Index>(tally.blocks * experts);
  std::copy_n(offsets, experts, next_positions);
  for (Index at = experts; at < tally.blocks * experts; ++at)
    next_positions[at] = next_positions[at - experts] + tally.by_block[at - experts];
  for_blocks(choice, tally, kSortOperations, [&](Index block, Index row, Index row_end) {
    Index* next_position = next_positions + block * experts;
    for (Index i = row; i < row_end; ++i) {
      for (Index assignment = choice.offsets[i]; assignment < choice.offsets[i + 1]; ++assignment) {
        const Index position = next_position[choice.experts[assignment]]++;
        dispatch.row_of[position] = i;
        dispatch.assignment_of[position] = assignment;
        if (with_positions) dispatch.position_of[assignment] = position;
      }
    }
  });
  return dispatch;
}

}  // namespace gatewise
