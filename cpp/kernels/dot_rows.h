// Dot products of several rows with one row.
#pragma once

#include "kernels/math.h"

namespace gatewise {

// rows [kCount] pointers to `width` floats, y [width], read; products [kCount] overlaps none of
// them. products[e] = dot(rows[e], y, width) of kernels/reduce.h, bit for bit. The sums of all rows
// accumulate side by side, and y is loaded once.
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
