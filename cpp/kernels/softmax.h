// Softmax over one row.
#pragma once

#include "core/types.h"

namespace gatewise {

// y[j] = exp(x[j] - max) / sum for `width` values; y may be x. Returns log sum_j exp(x[j]), for the
// z-loss and the cross-entropy. The sum accumulates in order over 16 lanes, then over the lanes in
// a fixed tree. A NaN in x makes the row NaN.
float softmax_forward(const float* x, float* y, Index width);

// d_x[j] = y[j] (d_y[j] - sum_i d_y[i] y[i]) for `width` values; d_x may be d_y.
void softmax_backward(const float* y, const float* d_y, float* d_x, Index width);

}  // namespace gatewise
