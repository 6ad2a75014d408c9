// Rows of dense codes. Values at or below a threshold become exactly 0 and pass no gradient.
#pragma once

#include "core/types.h"

namespace gatewise {

// x, z [width]. z[j] = x[j] if x[j] > threshold, else 0; NaN stays NaN. z may be x.
void keep_above(const float* x, float threshold, float* z, Index width);

// z, idle [width]. idle[j] = 0 where z[j] > 0; other values stay.
void reset_idle(const float* z, float* idle, Index width);

// All arrays [width]; `penalty` may be null (0). d_x[j] = (d_z[j] + penalty[j]) f'(x[j]) where z[j]
// > 0, else 0; added to d_x if `accumulate`. f' = z (1 - z) if `is_sigmoid`, else 1.
void keep_above_backward(const float* z, const float* d_z, const float* penalty, bool is_sigmoid,
                         float* d_x, Index width, bool accumulate);

}  // namespace gatewise
