// Several rows times one.
#pragma once

#include "kernels/math.h"

namespace gatewise {

// y[j] = dot(rows + j stride, x, width) of kernels/reduce.h, bit for bit, for j below `count`, at
// most kMost: their chains run side by side, and x is loaded once. y [kMost] overlaps neither.
template <int kMost>
inline void dot_rows(const float* rows, Index stride, Index count, const float* x, Index width,
                     float* y) {
  Vector sums[kMost];
#pragma GCC unroll 4
  for (int j = 0; j < kMost; ++j) sums[j] = Vector::zero();
  // In place of rows behind the last the first is read: their products are not asked for.
  const float* from[kMost];
  for (int j = 0; j < kMost; ++j) from[j] = rows + (j < count ? j : 0) * stride;
  Index i = 0;
  for (; i + kPanelWidth <= width; i += kPanelWidth) {
    const Vector value = Vector::load(x + i);
#pragma GCC unroll 4
    for (int j = 0; j < kMost; ++j) sums[j] = fma(Vector::load(from[j] + i), value, sums[j]);
  }
  if (i < width) {
    const Vector value = Vector::load_partial(x + i, width - i);
#pragma GCC unroll 4
    for (int j = 0; j < kMost; ++j)
      sums[j] = fma(Vector::load_partial(from[j] + i, width - i), value, sums[j]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < kMost; ++j) y[j] = sum_lanes(sums[j]);
}

}  // namespace gatewise
