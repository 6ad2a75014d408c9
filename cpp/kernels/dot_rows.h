// Several rows times one.
#pragma once

#include "kernels/math.h"

namespace gatewise {

// products[e] = dot(rows[e], y, width) of kernels/reduce.h, bit for bit, for the kCount rows: their
// chains run side by side, and y is loaded once. products [kCount] overlaps none of them.
template <int kCount>
inline void dot_rows(const float* const* rows, const float* y, Index width, float* products) {
  Vector sums[kCount];
#pragma GCC unroll 4
  for (int e = 0; e < kCount; ++e) sums[e] = Vector::zero();
  Index i = 0;
  for (; i + kPanelWidth <= width; i += kPanelWidth) {
    const Vector value = Vector::load(y + i);
#pragma GCC unroll 4
    for (int e = 0; e < kCount; ++e) sums[e] = fma(Vector::load(rows[e] + i), value, sums[e]);
  }
  if (i < width) {
    const Vector value = Vector::load_partial(y + i, width - i);
#pragma GCC unroll 4
    for (int e = 0; e < kCount; ++e)
      sums[e] = fma(Vector::load_partial(rows[e] + i, width - i), value, sums[e]);
  }
#pragma GCC unroll 4
  for (int e = 0; e < kCount; ++e) products[e] = sum_lanes(sums[e]);
}

}  // namespace gatewise
