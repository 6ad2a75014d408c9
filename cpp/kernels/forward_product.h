// Y = f(X W + b), rows of X gathered, W in panels.
#pragma once

#include "core/panels.h"
#include "kernels/epilogue.h"

namespace gatewise {

// y[i, j] = f(bias[j] + sum_k x[i, k] w[k, j]) for rows i of [row_begin, row_end) and the columns
// of the panels [panel_begin, panel_end). Columns behind the last are not written. The sum runs
// over k upwards in one accumulator, whatever the ranges. y must not overlap x.
void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue);

}  // namespace gatewise
