// Y = f(X W + b), with W in the `blocks` form of core/sparse_weights.h.
#pragma once

#include "core/sparse_weights.h"
#include "kernels/epilogue.h"

namespace gatewise {

// x  [rows, inputs] gathered, read. epilogue.y [rows, units] is overwritten and must not overlap x;
// epilogue.pre_activation may be set.
//
//   y[i, u] = f(bias[u] + sum_t x[i, indices[t]] values[t, lane of u])
//
// for rows i of [row_begin, row_end) and the units u of slices [slice_begin, slice_end). Sums
// accumulate over the steps t in order and equal those of `csr_product` bit for bit.
template <typename StorageIndex>
void block_product(const Rows& x, Index row_begin, Index row_end,
                   const SparseWeights<StorageIndex>& w, Index slice_begin, Index slice_end,
                   const Epilogue& epilogue);

}  // namespace gatewise
