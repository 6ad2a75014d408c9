// Sums, norms and maximum of an array. A sum accumulates in order over 16 lanes, then over the
// lanes in a fixed tree: its bits depend only on the values and their count.
#pragma once

#include <limits>

#include "core/panels.h"
#include "kernels/math.h"

namespace gatewise {

inline float dot(const float* a, const float* b, Index count) {
  Vector sums = Vector::zero();
  for (Index i = 0; i < count; i += kPanelWidth)
    sums = fma(Vector::load_up_to(a + i, count - i), Vector::load_up_to(b + i, count - i), sums);
  return sum_lanes(sums);
}

inline float sum_of(const float* a, Index count) {
  Vector sums = Vector::zero();
  for (Index i = 0; i < count; i += kPanelWidth) sums = sums + Vector::load_up_to(a + i, count - i);
  return sum_lanes(sums);
}

// sums [rows], overwritten: sums[i] = sum_j W[i, j].
inline void sum_panel_rows(const Panels& w, float* sums) {
  for (Index i = 0; i < w.shape.rows; ++i) {
    Vector lanes = Vector::zero();
    for (Index p = 0; p < w.shape.panels(); ++p)
      lanes = lanes + Vector::load_up_to(w.panel(p) + i * w.shape.stride(p), w.shape.width(p));
    sums[i] = sum_lanes(lanes);
  }
}

// sum |a| and sum a^2.
struct Norms {
  double absolute = 0;
  double square = 0;
};
inline Norms norms_of(const float* a, Index count) {
  Vector absolute = Vector::zero(), square = Vector::zero();
  for (Index i = 0; i < count; i += kPanelWidth) {
    const Vector value = Vector::load_up_to(a + i, count - i);
    absolute = absolute + abs(value);
    square = fma(value, value, square);
  }
  return {sum_lanes(absolute), sum_lanes(square)};
}

// The largest value, ignoring NaN; -infinity if there is none.
inline float largest_of(const float* a, Index count) {
  float largest = -std::numeric_limits<float>::infinity();
  if (count < kPanelWidth) {
    for (Index i = 0; i < count; ++i) largest = a[i] > largest ? a[i] : largest;
    return largest;
  }
  // The last register may overlap the one before it. If a value is NaN, max returns its second
  // operand.
  Vector lanes = Vector::set(largest);
  for (Index i = 0; i < count - kPanelWidth; i += kPanelWidth)
    lanes = max(Vector::load(a + i), lanes);
  return largest_lane(max(Vector::load(a + count - kPanelWidth), lanes));
}

inline float log_of(float x) {
  alignas(64) float lanes[kPanelWidth];
  log(Vector::set(x)).store(lanes);
  return lanes[0];
}

inline float exp_of(float x) {
  alignas(64) float lanes[kPanelWidth];
  exp(Vector::set(x)).store(lanes);
  return lanes[0];
}

}  // namespace gatewise
