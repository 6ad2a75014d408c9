// Y = f(X W + b), W in the form of blocks of core/sparse_weights.h.
#pragma once

#include "core/sparse_weights.h"
#include "kernels/epilogue.h"

namespace gatewise {

// y[i, u] = f(bias[u] + sum over the steps t of x[i, indices[t]] times the unit's value) for rows i
// of [row_begin, row_end) and the units of slices [slice_begin, slice_end), steps upwards in one
// accumulator: sums have the bits of those of `csr_product`. y must not overlap x;
// `epilogue.pre_activation` may be written.
template <typename StorageIndex>
void block_product(const Rows& x, Index row_begin, Index row_end,
                   const SparseWeights<StorageIndex>& w, Index slice_begin, Index slice_end,
                   const Epilogue& epilogue);

}  // namespace gatewise
