// Y = f(X W + b) with W in bfloat16, X and all arithmetic in float32.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/forward_product.h"

namespace gatewise {

// y[i, j] = f(bias[j] + sum_k x[i, k] w[k, j]) for rows i of [row_begin, row_end) and the columns
// of the panels [panel_begin, panel_end); see `forward_product`, whose sums these are: over k
// upwards in one accumulator, whatever the ranges. Widening a weight is exact. y must not overlap
// x.
void bfloat16_product(const Rows& x, Index row_begin, Index row_end, const Bfloat16Panels& w,
                      Index panel_begin, Index panel_end, const Epilogue& epilogue);

// The same for CSR rows: the sum runs over a row's entries in their order.
void sparse_bfloat16_product(const SparseRows& x, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index panel_begin, Index panel_end,
                             const Epilogue& epilogue);

}  // namespace gatewise
