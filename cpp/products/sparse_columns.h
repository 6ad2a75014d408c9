// The nonzeros of groups of CSR rows sorted by column, for the gradient of each group's weights.
#pragma once

#include "kernels/sparse_rows.h"
#include "products/grouped.h"

namespace gatewise {

// The nonzeros of group g are in runs [first_run[g], first_run[g + 1]), at most kMaxRuns; runs
// follow the order of rows.
struct SparseColumns {
  SortedRun* runs = nullptr;
  Index* first_run = nullptr;  // [groups + 1]

  const SortedRun* begin(Index g) const { return runs + first_run[g]; }
  Index count(Index g) const { return first_run[g + 1] - first_run[g]; }
};

// Memory is sized for the largest nonzero count seen so far, with a margin, so that it soon stops
// growing however the count varies from batch to batch.
SparseColumns sort_groups(const Input& x, const Groups& groups, Arena& arena);

}  // namespace gatewise
