#include "products/sparse_columns.h"

#include <algorithm>
#include <bit>

namespace gatewise {
namespace {

// Entries of one run: few enough that both copies stay in a second cache of 1 MB while they are
// sorted, enough to pay for a thread.
constexpr Index kRunEntries = Index{1} << 14;

// Copying, counting and placing an entry takes about what so many multiply-adds of a product do.
constexpr double kSortOperations = 160;

struct RunRows {
  Index begin, end, first_row, first_entry;
};

// Rounded up to a quarter of the power of two below: a margin of at most 25 %.
Index with_margin(Index entries) {
  const Index step = static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(entries))) / 4;
  return round_up(entries, std::max<Index>(step, 256));
}

// Cuts a group into runs of about `most` entries, which end where a row ends; at most kMostRuns.
Index cut_group(const SparseRows& x, Index begin, Index end, Index entries, Index first_entry,
                RunRows* runs) {
  const Index parts = std::clamp<Index>(entries / kRunEntries, 1, kMostRuns);
  Index count = 0, start = begin, before = 0, passed = 0;
  for (Index i = begin; i < end; ++i) {
    passed += x.end(i) - x.begin(i);
    if (passed * parts < entries * (count + 1) && i + 1 < end) continue;
    if (count + 1 == parts && i + 1 < end) continue;
    runs[count++] = {start, i + 1, begin, first_entry + before};
    start = i + 1;
    before = passed;
  }
  return count;
}

}  // namespace

SparseColumns sort_groups(const Input& x, const Groups& groups, Arena& arena) {
  const Index room = with_margin(x.sparse.entries(0, groups.total()));
  const Index most_runs = groups.count + room / kRunEntries;
  auto* sorted = arena.take<SparseEntry>(room);
  auto* spare = arena.take<SparseEntry>(room);
  auto* rows = arena.take<RunRows>(most_runs);
  SparseColumns columns{arena.take<SortedRun>(most_runs), arena.take<Index>(groups.count + 1)};
  columns.first_run[0] = 0;
  Index runs = 0, first_entry = 0;
  for (Index g = 0; g < groups.count; ++g) {
    const Index entries = x.sparse.entries(groups.begin(g), groups.end(g));
    if (entries > 0)
      runs +=
          cut_group(x.sparse, groups.begin(g), groups.end(g), entries, first_entry, rows + runs);
    first_entry += entries;
    columns.first_run[g + 1] = runs;
  }
  const double entries = static_cast<double>(first_entry) / static_cast<double>(runs + 1);
  parallel_for(runs, entries * kSortOperations, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
      columns.runs[r] =
          sort_by_column(x.sparse, rows[r].begin, rows[r].end, rows[r].first_row, x.width,
                         sorted + rows[r].first_entry, spare + rows[r].first_entry);
  });
  return columns;
}

}  // namespace gatewise
