// Y = f(X W + b), with W in the `csr` form of core/sparse_weights.h.
//
// Each sum accumulates over a unit's nonzeros in order with `fma` from 0. These are the terms of
// `forward_product` except those with a weight of 0. For finite x the sums equal its sums bit for
// bit, except for the sign of a zero: a sum that underflows to -0 is +0 here.
#pragma once

#include "core/sparse_weights.h"
#include "kernels/epilogue.h"

namespace gatewise {

// x  [inputs + 1], the last value 0, read. y[row, u] = f(bias[u] + sum) for the units u of slices
// [slice_begin, slice_end). y must not overlap x; `epilogue.pre_activation` is not written.
template <typename StorageIndex>
void csr_product_row(const float* x, const SparseWeights<StorageIndex>& w, Index slice_begin,
                     Index slice_end, Index row, const Epilogue& epilogue);

// Max rows of one `csr_product`: two vectors. Times of 256 rows with 16, 32, 64 and 128 rows per
// call (2,048 inputs and units): 1.33, 1.35, 1.25 and 1.46 ms at 95 % zeros, 0.31, 0.33, 0.42 and
// 0.46 ms at 99 % (Zen 5, one thread). 32 columns of 2,048 inputs fill half of an L2 cache of 512
// KB.
inline constexpr Index kMaxLanes = 2 * kPanelWidth;

// Floats of scratch that `csr_product` needs.
inline constexpr Index kCsrScratch = kWindow * kMaxLanes;

// columns  [inputs + 1, lanes]: rows of x as columns, the last row of it zeros, read. lanes is 16
// or 32; rows <= lanes. Computes rows [row, row + rows) of y for the units of window `window`.
template <typename StorageIndex>
void csr_product(const float* columns, Index lanes, Index row, Index rows,
                 const SparseWeights<StorageIndex>& w, Index window, const Epilogue& epilogue,
                 float* scratch);

}  // namespace gatewise
