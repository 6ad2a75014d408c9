// Rows of a code that lie densely: entries at or under a threshold are exactly 0 and pass no slope.
#pragma once

#include "core/types.h"

namespace gatewise {

// z[j] = x[j] where x[j] > threshold, else 0; NaN stays. z may be x.
void keep_above(const float* x, float threshold, float* z, Index width);

// idle[j] = 0 where z[j] > 0.
void reset_idle(const float* z, float* idle, Index width);

// d_x[j] (+=, where `accumulate`) (d_z[j] + penalty[j]) f'(x[j]) where z[j] > 0, else 0, with
// f' = z (1 - z) where `is_sigmoid`, else 1. `penalty` may be null: 0.
void keep_above_backward(const float* z, const float* d_z, const float* penalty, bool is_sigmoid,
                         float* d_x, Index width, bool accumulate);

}  // namespace gatewise
