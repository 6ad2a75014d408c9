// dX = dY W^T without a transposed copy of W.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Where the rows of dX go and how.
struct InputGradient {
  float* d_x = nullptr;  // row i at d_x + (target ? target[i] : i) * stride
  Index stride = 0;
  const Index* target = nullptr;
  bool accumulate = false;  // += or =
};

// d_x[i, j] (+)= sum_u d_y[i, u] w[j, u] for rows i of [row_begin, row_end) and columns j of
// [column_begin, column_end), which are rows of W. d_y [rows, cols] with stride >= cols; columns
// behind the last are not read. A sum runs over panels in lanes of one register, then over the
// lanes in a fixed tree. d_x must not overlap d_y.
void input_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end,
                    const Panels& w, Index column_begin, Index column_end,
                    const InputGradient& out);

}  // namespace gatewise
