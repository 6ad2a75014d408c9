// Y = f(X W + b) with W in bfloat16, X and all arithmetic in float32.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/forward_product.h"

namespace gatewise {

// x  [rows, depth] gathered, read. epilogue.y [rows, cols] is overwritten and must not overlap x.
//
//   y[i, j] = f(bias[j] + sum_k x[i, k] w[k, j])
//
// for rows i of [row_begin, row_end) and the columns of panels [panel_begin, panel_end). As in
// `forward_product`, sums accumulate over k in order, whatever the ranges. Widening a weight is
// exact.
void bfloat16_product(const Rows& x, Index row_begin, Index row_end, const Bfloat16Panels& w,
                      Index panel_begin, Index panel_end, const Epilogue& epilogue);

// The same for CSR rows: sums accumulate over a row's nonzeros in order.
void sparse_bfloat16_product(const SparseRows& x, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index panel_begin, Index panel_end,
                             const Epilogue& epilogue);

}  // namespace gatewise
