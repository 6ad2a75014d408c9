// Y = f(X W + b) with W in bfloat16 panels, X rounded to bfloat16 and float32 sums, for dense or
// CSR rows.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/bfloat16_unit.h"
#include "kernels/epilogue.h"

namespace gatewise {

// x  [rows, depth] gathered, read. epilogue.y [rows, cols] is overwritten and must not overlap x.
//
//   y[i, j] = f(bias[j] + sum_k bfloat16(x[i, k]) w[k, j])
//
// for rows i of [row_begin, row_end) and the columns of panels [panel_begin, panel_end); sums in
// the order of kernels/bfloat16_tile.h, whatever the ranges. scratch has
// bfloat16_product_scratch(w.shape) floats.
void bfloat16_product(const Rows& x, Index row_begin, Index row_end, const Bfloat16Panels& w,
                      Index panel_begin, Index panel_end, const Epilogue& epilogue, float* scratch,
                      Bfloat16Unit unit = best_bfloat16_unit());
Index bfloat16_product_scratch(PanelShape shape);

// The same for CSR rows, with the bits of the dense rows; an index that occurs twice in a row is
// rounded twice.
void sparse_bfloat16_product(const SparseRows& x, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index panel_begin, Index panel_end,
                             const Epilogue& epilogue);

}  // namespace gatewise
