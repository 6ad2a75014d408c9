// Y = f(X W + b), W in the csr form of core/sparse_weights.h.
//
// Each sum runs over a unit's entries in their order in one accumulator, by the body's `fma` from
// 0 on: those terms of `forward_product` that are not x times 0. For finite x the sums are its bit
// for bit, but for the sign of a zero: a sum that underflows to -0 is +0 here.
#pragma once

#include "core/sparse_weights.h"
#include "kernels/epilogue.h"

namespace gatewise {

// One row: y[row, u] = f(bias[u] + sum) for the units u of slices [slice_begin, slice_end). x
// [inputs + 1], the last a 0. y must not overlap x; `epilogue.pre_activation` is not written.
template <typename StorageIndex>
void csr_product_row(const float* x, const SparseWeights<StorageIndex>& w, Index slice_begin,
                     Index slice_end, Index row, const Epilogue& epilogue);

// The most rows of one `csr_product`: two vectors. At 95 % zeros and 2,048 inputs and units, rows
// 16, 32, 64 and 128 at a time took 1.33, 1.35, 1.25 and 1.46 ms for 256, at 99 % 0.31, 0.33, 0.42
// and 0.46 ms (Zen 5, one thread); 32 columns of 2,048 inputs are half of a second cache of 512 KB.
inline constexpr Index kMaxLanes = 2 * kPanelWidth;

// Floats of scratch of `csr_product`.
inline constexpr Index kCsrScratch = kWindow * kMaxLanes;

// Rows [row, row + rows) of y for the units of window number `window`, of rows of x as columns:
// [inputs + 1, lanes], the last of zeros; lanes is 16 or 32, rows at most that.
template <typename StorageIndex>
void csr_product(const float* columns, Index lanes, Index row, Index rows,
                 const SparseWeights<StorageIndex>& w, Index window, const Epilogue& epilogue,
                 float* scratch);

}  // namespace gatewise
