// The forward product of groups of CSR rows, distributed over the threads by nonzero count, so that
// rows may have any length.
#pragma once

#include "products/grouped.h"

namespace gatewise {

// `grouped_forward` for CSR rows.
void sparse_grouped_forward(const SparseRows& x, const Groups& groups,
                            const GroupedWeights& weights, const Epilogue& epilogue);

}  // namespace gatewise
