// Search for NaN and infinite values.
#pragma once

#include "kernels/vector.h"

namespace gatewise {

// Returns the index of the first NaN or infinite value of x [count], or -1.
inline Index find_nonfinite(const float* x, Index count) {
  constexpr Index kChunk = 64 * kPanelWidth;
  for (Index start = 0; start < count; start += kChunk) {
    const Index end = start + kChunk < count ? start + kChunk : count;
    // 0 times a finite value is 0. NaN and infinity result in NaN, which stays in the sum.
    Vector sum = Vector::zero();
    for (Index i = start; i < end; i += kPanelWidth)
      sum = fma(Vector::load_up_to(x + i, end - i), Vector::zero(), sum);
    alignas(64) float lanes[kPanelWidth];
    sum.store(lanes);
    bool finite = true;
    for (const float lane : lanes) finite &= lane == 0.0f;
    if (finite) continue;
    for (Index i = start; i < end; ++i)
      if (x[i] * 0.0f != 0.0f) return i;
  }
  return -1;
}

}  // namespace gatewise
