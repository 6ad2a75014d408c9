// Y = f(X W + b), with gathered rows of X and W in panels.
#pragma once

#include "core/panels.h"
#include "kernels/epilogue.h"

namespace gatewise {

// x  [rows, depth] gathered, read. epilogue.y [rows, cols] is overwritten and must not overlap x.
//
//   y[i, j] = f(bias[j] + sum_k x[i, k] w[k, j])
//
// for rows i of [row_begin, row_end) and the columns of panels [panel_begin, panel_end). Columns
// after the last one are not written. Sums accumulate over k in order, whatever the ranges.
// `scratch` speeds up many deep rows; it has forward_scratch(w.shape) floats, or is null.
void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue,
                     float* scratch = nullptr);

// 0 for rows that are not deep.
Index forward_scratch(PanelShape shape);

}  // namespace gatewise
