// Vector: 16 floats, one row of a panel, in one, two, four or sixteen registers of the level that
// this file is compiled for. Lanes do the same arithmetic in the body of a loop and in its masked
// tail, so the index of a value never changes its bits.
#pragma once

#if defined(__AVX512F__)
#include "kernels/native_avx512.h"
#elif defined(__AVX2__)
#include "kernels/native_avx2.h"
#elif defined(__SSE4_2__)
#include "kernels/native_sse.h"
#else
#include "kernels/native_scalar.h"
#endif

#define GATEWISE_INLINE inline __attribute__((always_inline))
#define GATEWISE_INLINE_LAMBDA __attribute__((always_inline))

namespace gatewise {

struct Vector {
  static constexpr int kParts = static_cast<int>(kPanelWidth) / Native::kWidth;
  Native::Type part[kParts];

  // Applies an operation register by register: map(f, a, b)[i] = f(a[i], b[i]).
  template <typename Operation, typename... Operands>
  static GATEWISE_INLINE Vector map(Operation operation, const Operands&... operands) {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i) result.part[i] = operation(operands.part[i]...);
    return result;
  }

  static GATEWISE_INLINE Vector set(float x) {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i) result.part[i] = Native::set(x);
    return result;
  }
  static GATEWISE_INLINE Vector zero() { return set(0.0f); }

  static GATEWISE_INLINE Vector load(const float* p) {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i) result.part[i] = Native::load(p + i * Native::kWidth);
    return result;
  }
  // table[indices[lane]] for 16 indices.
  template <typename StorageIndex>
  static GATEWISE_INLINE Vector gather(const float* table, const StorageIndex* indices) {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i)
      result.part[i] = Native::gather(table, indices + i * Native::kWidth);
    return result;
  }
  // Loads the first `count` lanes, the others are zero; no memory after them is read.
  static GATEWISE_INLINE Vector load_partial(const float* p, Index count) {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i)
      result.part[i] = Native::load_partial(p + i * Native::kWidth, count - i * Native::kWidth);
    return result;
  }
  static GATEWISE_INLINE Vector load_up_to(const float* p, Index count) {
    return count >= kPanelWidth ? load(p) : load_partial(p, count);
  }

  GATEWISE_INLINE void store(float* p) const {
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i) Native::store(p + i * Native::kWidth, part[i]);
  }
  GATEWISE_INLINE void store_up_to(float* p, Index count) const {
    if (count >= kPanelWidth) return store(p);
#pragma GCC unroll 16
    for (int i = 0; i < kParts; ++i)
      Native::store_partial(p + i * Native::kWidth, part[i], count - i * Native::kWidth);
  }
};

GATEWISE_INLINE Vector operator+(const Vector& a, const Vector& b) {
  return Vector::map(Native::add, a, b);
}
GATEWISE_INLINE Vector operator-(const Vector& a, const Vector& b) {
  return Vector::map(Native::sub, a, b);
}
GATEWISE_INLINE Vector operator*(const Vector& a, const Vector& b) {
  return Vector::map(Native::mul, a, b);
}
GATEWISE_INLINE Vector operator/(const Vector& a, const Vector& b) {
  return Vector::map(Native::div, a, b);
}
// a * b + c, rounded once if the level has the instruction.
GATEWISE_INLINE Vector fma(const Vector& a, const Vector& b, const Vector& c) {
  return Vector::map(Native::fma, a, b, c);
}
GATEWISE_INLINE Vector min(const Vector& a, const Vector& b) {
  return Vector::map(Native::min, a, b);
}
GATEWISE_INLINE Vector max(const Vector& a, const Vector& b) {
  return Vector::map(Native::max, a, b);
}
GATEWISE_INLINE Vector sqrt(const Vector& a) { return Vector::map(Native::sqrt, a); }
GATEWISE_INLINE Vector abs(const Vector& a) { return Vector::map(Native::abs, a); }
GATEWISE_INLINE Vector round(const Vector& a) { return Vector::map(Native::round, a); }
GATEWISE_INLINE Vector exp2_whole(const Vector& a) { return Vector::map(Native::exp2_whole, a); }
GATEWISE_INLINE Vector round_bfloat16(const Vector& a) {
  return Vector::map(Native::round_bfloat16, a);
}
GATEWISE_INLINE Vector nearest_bfloat16(const Vector& a) {
  return Vector::map(Native::nearest_bfloat16, a);
}
GATEWISE_INLINE Vector join_bfloat16(const Vector& a, const Vector& b) {
  return Vector::map(Native::join_bfloat16, a, b);
}
GATEWISE_INLINE Vector join_integers(const Vector& a, const Vector& b) {
  return Vector::map(Native::join_integers, a, b);
}
GATEWISE_INLINE Vector copysign(const Vector& magnitude, const Vector& sign) {
  return Vector::map(Native::copysign, magnitude, sign);
}
// a > b ? yes : no in each lane; `no` if a or b is NaN.
GATEWISE_INLINE Vector select_greater(const Vector& a, const Vector& b, const Vector& yes,
                                      const Vector& no) {
  return Vector::map(
      [](Native::Type x, Native::Type y, Native::Type u, Native::Type v)
          GATEWISE_INLINE_LAMBDA { return Native::select(Native::greater(x, y), u, v); },
      a, b, yes, no);
}
// Bit i is set if a > b in lane i; not set if a or b is NaN.
GATEWISE_INLINE unsigned lanes_greater(const Vector& a, const Vector& b) {
  unsigned bits = 0;
#pragma GCC unroll 16
  for (int i = 0; i < Vector::kParts; ++i)
    bits |= Native::bits(Native::greater(a.part[i], b.part[i])) << (i * Native::kWidth);
  return bits;
}
// The largest lane; no lane may be NaN.
GATEWISE_INLINE float largest_lane(const Vector& a) {
  Native::Type largest = a.part[0];
#pragma GCC unroll 16
  for (int i = 1; i < Vector::kParts; ++i) largest = Native::max(largest, a.part[i]);
  return Native::largest(largest);
}
// Sum of the lanes in a fixed tree: halves of 8, 4, 2, 1.
GATEWISE_INLINE float sum_lanes(const Vector& a) {
  alignas(64) float lanes[kPanelWidth];
  a.store(lanes);
  for (Index half = kPanelWidth / 2; half > 0; half /= 2)
    for (Index i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

}  // namespace gatewise
