// dX = dY W^T, in strips of 16 columns of dX, for which rows of W are transposed.
#pragma once

#include <span>

#include "core/panels.h"
#include "kernels/activations.h"

namespace gatewise {

// Destination of dX, and the activation whose derivative multiplies it.
struct InputGradient {
  float* d_x = nullptr;  // row i at d_x + (target ? target[i] : i) * stride
  Index stride = 0;
  const Index* target = nullptr;
  bool accumulate = false;  // += if true, else =

  // dX is multiplied by f'(x_before), the derivative of the activation that produced x. It comes
  // from the output `activated` and, if `derivative_needs_input`, the input `pre_activation`; their
  // rows correspond to those of dY.
  Activation activation = Activation::kLinear;
  const float* activated = nullptr;
  const float* pre_activation = nullptr;
  Index activated_stride = 0;
};

// Multiplies `rows` rows of sums [16] by the activation's derivative, if any, and stores or adds
// them from row `row` on, in `width` columns.
void finish_gradient(const float (*sums)[kPanelWidth], Index row, int rows, Index column,
                     Index width, const InputGradient& out);

// A product of which dX is the sum: d_y [rows, w.cols] row-major, stride >= w.cols, by W^T.
struct GradientTerm {
  const float* d_y = nullptr;
  Index d_y_stride = 0;
  Panels w;
};

// Floats of scratch that `input_gradient` needs for `terms` terms of one shape.
Index input_gradient_scratch(PanelShape shape, Index terms = 1);

// terms  of one shape, read.
//
//   d_x[i, j] (+)= f'_ij sum_t sum_u d_y_t[i, u] w_t[j, u]
//
// for rows i of [row_begin, row_end) and columns j of [column_begin, column_end), which may be any
// range of the rows of W. One sum accumulates over t and u in order, whatever the ranges. d_x must
// not overlap d_y or the arrays that the derivative reads.
void input_gradient(std::span<const GradientTerm> terms, Index row_begin, Index row_end,
                    Index column_begin, Index column_end, const InputGradient& out, float* scratch);

}  // namespace gatewise
