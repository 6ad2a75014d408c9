#include "products/sparse_columns.h"

#include <algorithm>
#include <bit>

namespace gatewise {
namespace {

// Nonzeros of one run: few enough that both copies stay in an L2 cache of 1 MB while they are
// sorted, and enough work for a thread.
constexpr Index kRunNonzeros = Index{1} << 14;

// Cost of copying, counting and sorting a nonzero, in multiply-adds of a product.
constexpr double kSortOperations = 160;

struct RunRows {
  Index begin, end, first_row, first_nonzero;
};

// Rounds up to a multiple of a quarter of the next lower power of two: a margin of at most 25 %.
Index with_margin(Index nonzeros) {
  const Index step = static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(nonzeros))) / 4;
  return round_up(nonzeros, std::max<Index>(step, 256));
}

// Cuts the rows [begin, end) of a group, which have `nonzeros` nonzeros, into at most kMaxRuns runs
// of about equal size (about kRunNonzeros or more). A run ends at the end of a row.
Index cut_group(const SparseRows& x, Index begin, Index end, Index nonzeros, Index first_nonzero,
                RunRows* runs) {
  const Index parts = std::clamp<Index>(nonzeros / kRunNonzeros, 1, kMaxRuns);
  Index count = 0, start = begin, before = 0, passed = 0;
  for (Index i = begin; i < end; ++i) {
    passed += x.end(i) - x.begin(i);
    if (passed * parts < nonzeros * (count + 1) && i + 1 < end) continue;
    if (count + 1 == parts && i + 1 < end) continue;
    runs[count++] = {start, i + 1, begin, first_nonzero + before};
    start = i + 1;
    before = passed;
  }
  return count;
}

}  // namespace

SparseColumns sort_groups(const Input& x, const Groups& groups, Arena& arena) {
  const Index capacity = with_margin(x.sparse.nonzeros(0, groups.total()));
  const Index max_runs = groups.count + capacity / kRunNonzeros;
  auto* sorted = arena.take<Nonzero>(capacity);
  auto* scratch = arena.take<Nonzero>(capacity);
  auto* rows = arena.take<RunRows>(max_runs);
  SparseColumns columns{arena.take<SortedRun>(max_runs), arena.take<Index>(groups.count + 1)};
  columns.first_run[0] = 0;
  Index runs = 0, first_nonzero = 0;
  for (Index g = 0; g < groups.count; ++g) {
    const Index nonzeros = x.sparse.nonzeros(groups.begin(g), groups.end(g));
    if (nonzeros > 0)
      runs +=
          cut_group(x.sparse, groups.begin(g), groups.end(g), nonzeros, first_nonzero, rows + runs);
    first_nonzero += nonzeros;
    columns.first_run[g + 1] = runs;
  }
  const double nonzeros = static_cast<double>(first_nonzero) / static_cast<double>(runs + 1);
  parallel_for(runs, nonzeros * kSortOperations, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
      columns.runs[r] =
          sort_by_column(x.sparse, rows[r].begin, rows[r].end, rows[r].first_row, x.width,
                         sorted + rows[r].first_nonzero, scratch + rows[r].first_nonzero);
  });
  return columns;
}

}  // namespace gatewise
