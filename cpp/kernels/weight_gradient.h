// dW = X^T dY, a stretch of tiles at a time, each updated where it was made.
#pragma once

#include "core/panels.h"
#include "kernels/update.h"

namespace gatewise {

// Work on a gradient comes in units of kGradientUnitRows rows of W (the last of a panel may have
// fewer) by one panel, numbered panel by panel.
extern const Index kGradientUnitRows;
Index gradient_units(PanelShape shape);

// Floats of scratch that `weight_gradient` needs for up to `rows` rows of x.
Index weight_gradient_scratch(PanelShape shape, Index rows);

// Updates units [unit_begin, unit_end) of the target's matrix of this shape with
//   g[j, u] = sum_i x[i, j] d_y[i, u],  i over [row_begin, row_end) upwards in one accumulator.
// x is gathered; d_y [rows, cols] with stride >= cols lies at d_y + i * d_y_stride. The target's
// arrays must overlap neither.
void weight_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch);

// Updates columns [begin, end) of the target's vector with g[u] = sum_i d_y[i, u].
void bias_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end, Index begin,
                   Index end, const UpdateTarget& target);

}  // namespace gatewise
