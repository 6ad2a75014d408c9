#include "routing/dispatch.h"

#include <algorithm>

namespace gatewise {
namespace {

// Blocks are what threads share out: enough of them that 16 threads have one each.
constexpr Index kMostBlocks = 16;

// A block keeps a count of each expert: it has as many entries, and no fewer than pay for a thread.
constexpr Index kLeastEntries = 1024;

// An entry is counted in about 1 ns and sorted in 2 to 3: what so many multiply-adds of a product
// take (EPYC 9004).
constexpr double kCountOperations = 32, kSortOperations = 80;

// Runs body(block, first row, last row) for blocks of consecutive rows.
template <typename Body>
void for_blocks(const Choice& choice, const Tally& tally, double operations, const Body& body) {
  const auto entries = static_cast<double>(choice.entries());
  const double mean = entries / static_cast<double>(tally.blocks);
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
  const Index entries = choice.entries();
  Tally tally;
  tally.blocks = std::clamp<Index>(entries / std::max(experts, kLeastEntries), 1, kMostBlocks);
  tally.rows_per_block = ceil_divide(choice.rows, tally.blocks);
  tally.by_block = arena.take<Index>(tally.blocks * experts);
  tally.totals = arena.take_zeroed<Index>(experts);
  for_blocks(choice, tally, kCountOperations, [&](Index block, Index row, Index row_end) {
    Index* counts = tally.by_block + block * experts;
    std::fill_n(counts, experts, Index{0});
    for (Index entry = choice.offsets[row]; entry < choice.offsets[row_end]; ++entry)
      ++counts[choice.experts[entry]];
  });
  for (Index block = 0; block < tally.blocks; ++block)
    for (Index e = 0; e < experts; ++e) tally.totals[e] += tally.by_block[block * experts + e];
  return tally;
}

Dispatch make_dispatch(const Choice& choice, Index experts, Arena& arena, bool with_positions) {
  const Tally tally = choice.tally.totals ? choice.tally : tally_choice(choice, experts, arena);
  const Index entries = choice.entries();
  Index* offsets = arena.take<Index>(experts + 1);
  offsets[0] = 0;
  for (Index e = 0; e < experts; ++e) offsets[e + 1] = offsets[e] + tally.totals[e];
  Dispatch dispatch;
  dispatch.groups = {offsets, experts};
  dispatch.row_of = arena.take<Index>(entries);
  dispatch.entry_of = arena.take<Index>(entries);
  if (with_positions) dispatch.position_of = arena.take<Index>(entries);

  // places[b, e]: where block b puts its next entry of expert e, behind those of the blocks before.
  Index* places = arena.take<Index>(tally.blocks * experts);
  std::copy_n(offsets, experts, places);
  for (Index at = experts; at < tally.blocks * experts; ++at)
    places[at] = places[at - experts] + tally.by_block[at - experts];
  for_blocks(choice, tally, kSortOperations, [&](Index block, Index row, Index row_end) {
    Index* place = places + block * experts;
    for (Index i = row; i < row_end; ++i) {
      for (Index entry = choice.offsets[i]; entry < choice.offsets[i + 1]; ++entry) {
        const Index position = place[choice.experts[entry]]++;
        dispatch.row_of[position] = i;
        dispatch.entry_of[position] = entry;
        if (with_positions) dispatch.position_of[entry] = position;
      }
    }
  });
  return dispatch;
}

}  // namespace gatewise
