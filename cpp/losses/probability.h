// Clips given probabilities away from 0 and 1, as Keras does.
#pragma once

#include "kernels/math.h"

namespace gatewise {

inline constexpr float kEpsilon = 1e-7f;  // keras.config.epsilon()

GATEWISE_INLINE Vector clip_probability(const Vector& y) {
  return min(Vector::set(1.0f - kEpsilon), max(Vector::set(kEpsilon), y));
}

// Returns `value` where y is inside the clipping range, else 0: the gradient of a clipped value.
GATEWISE_INLINE Vector where_unclipped(const Vector& y, const Vector& value) {
  const Vector low = Vector::set(kEpsilon), high = Vector::set(1.0f - kEpsilon);
  const Vector zero = Vector::zero();
  return select_greater(low, y, zero, select_greater(y, high, zero, value));
}

// The first `count` lanes of x, the others zero.
GATEWISE_INLINE Vector keep_lanes(const Vector& x, Index count) {
  if (count >= kPanelWidth) return x;
  alignas(64) float lanes[kPanelWidth];
  x.store(lanes);
  return Vector::load_partial(lanes, count);
}

}  // namespace gatewise
