// The nonzeros of groups of CSR rows sorted by column, for the gradient of each group's weights.
#pragma once

#include "kernels/sparse_rows.h"
#include "products/grouped.h"

namespace gatewise {

// Group g has runs [first_run[g], first_run[g + 1]), at most kMaxRuns, of its rows in order.
struct SparseColumns {
  SortedRun* runs = nullptr;
  Index* first_run = nullptr;  // [groups + 1]

  const SortedRun* begin(Index g) const { return runs + first_run[g]; }
  Index count(Index g) const { return first_run[g + 1] - first_run[g]; }
};

// Memory follows the largest number of nonzeros seen so far with a margin, so that it soon stops
// growing, however they vary from batch to batch.
SparseColumns sort_groups(const Input& x, const Groups& groups, Arena& arena);

}  // namespace gatewise
