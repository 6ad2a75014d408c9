// dX = dY W^T, by strips of 16 columns of dX for which W is transposed.
#pragma once

#include "core/panels.h"
#include "kernels/activations.h"

namespace gatewise {

// Where the rows of dX go and how.
struct InputGradient {
  float* d_x = nullptr;  // row i at d_x + (target ? target[i] : i) * stride
  Index stride = 0;
  const Index* target = nullptr;
  bool accumulate = false;  // += or =

  // dX is multiplied by the slope of the activation that made x, f'(x_before): from its output
  // `activated` and, where the slope needs it, its input `pre_activation`, rows as of dY.
  Activation activation = Activation::kLinear;
  const float* activated = nullptr;
  const float* pre_activation = nullptr;
  Index activated_stride = 0;
};

// Floats of scratch that `input_gradient` needs.
Index input_gradient_scratch(PanelShape shape);

// d_x[i, j] (+)= f'_ij sum_u d_y[i, u] w[j, u] for rows i of [row_begin, row_end) and columns j of
// [column_begin, column_end), any range of the rows of W. d_y [rows, cols] with stride >= cols. A
// sum runs over u upwards in one accumulator, whatever the ranges. d_x may overlap neither d_y nor
// what the slope reads.
void input_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end,
                    const Panels& w, Index column_begin, Index column_end, const InputGradient& out,
                    float* scratch);

}  // namespace gatewise
