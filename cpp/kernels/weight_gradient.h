// dW = X^T dY, a few tiles at a time; each gradient is applied right after it is computed.
#pragma once

#include "core/panels.h"
#include "kernels/update.h"

namespace gatewise {

// The work is divided into units of kGradientUnitRows rows of W (the last of a panel may have
// fewer) by one panel, numbered panel by panel.
extern const Index kGradientUnitRows;
Index gradient_units(PanelShape shape);

// kBfloat16: both factors are rounded to bfloat16, and sums have the order of
// kernels/bfloat16_tile.h, with the rows as the depth.
enum class Products { kFloat32, kBfloat16 };

// Floats of scratch that `weight_gradient` needs for up to `rows` rows of x.
Index weight_gradient_scratch(PanelShape shape, Index rows, Products products = Products::kFloat32);

// x  [rows, shape.rows] gathered, read; d_y  [rows, cols] row-major, row i at d_y + i * d_y_stride,
// stride >= cols, read. The target's arrays must overlap neither. Updates units [unit_begin,
// unit_end) of the target's matrix of this shape with
//   g[j, u] = sum_i x[i, j] d_y[i, u],
// accumulated over i in [row_begin, row_end) in order.
void weight_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch,
                     Products products = Products::kFloat32);

// Updates columns [begin, end) of the target's vector with g[u] = sum_i d_y[i, u].
void bias_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end, Index begin,
                   Index end, const UpdateTarget& target);

}  // namespace gatewise
