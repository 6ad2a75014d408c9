// Exponential functions on 16 lanes. tests/cpp/test_math.cpp measures the error bounds against
// double, over all floats of the stated range. NaN results in NaN.
#pragma once

#include "kernels/vector.h"

namespace gatewise {

// e^x = (1 + rest) 2^n, by argument reduction and polynomial as in Cephes' expf (Moshier); x is
// clamped to [-87.3, 88], so that 2^n is a normal number.
struct Exponential {
  Vector rest;
  Vector power;
};
inline constexpr float kLowestExponent = -87.33654f;

GATEWISE_INLINE Exponential split_exponential(const Vector& x) {
  const Vector low = Vector::set(kLowestExponent);
  const Vector clamped = min(Vector::set(88.0f), max(low, x));
  const Vector n = round(clamped * Vector::set(1.44269504f));
  Vector r = fma(n, Vector::set(-0.693359375f), clamped);
  r = fma(n, Vector::set(2.12194440e-4f), r);
  Vector p = Vector::set(1.9875691500e-4f);
  p = fma(p, r, Vector::set(1.3981999507e-3f));
  p = fma(p, r, Vector::set(8.3334519073e-3f));
  p = fma(p, r, Vector::set(4.1665795894e-2f));
  p = fma(p, r, Vector::set(1.6666665459e-1f));
  p = fma(p, r, Vector::set(5.0000001201e-1f));
  return {fma(p, r * r, r), exp2_whole(n)};
}

// e^x, relative error below 2e-7. 0 below -87.3; above 88 it stays at e^88 = 1.65e38 and never
// becomes infinite.
GATEWISE_INLINE Vector exp(const Vector& x) {
  const Exponential e = split_exponential(x);
  const Vector result = (e.rest + Vector::set(1.0f)) * e.power;
  return select_greater(Vector::set(kLowestExponent), x, Vector::zero(), result);
}

// e^x, also above 88, with twice the error there; infinite where float32 overflows, from 88.73 on.
GATEWISE_INLINE Vector exp_unbounded(const Vector& x) {
  const Vector root = exp(x * Vector::set(0.5f));
  return select_greater(x, Vector::set(88.0f), root * root, exp(x));
}

// e^x - 1 without cancellation, relative error below 3e-7 for x < 88.
GATEWISE_INLINE Vector expm1(const Vector& x) {
  const Exponential e = split_exponential(x);
  return fma(e.rest, e.power, e.power - Vector::set(1.0f));
}

// ln x for normal x > 0, absolute error below 1e-7 max(1, |ln x|). Cephes' logf.
GATEWISE_INLINE Vector log(const Vector& x) {
  Vector fraction, exponent;
#pragma GCC unroll 16
  for (int i = 0; i < Vector::kParts; ++i)
    exponent.part[i] = Native::split_exponent(x.part[i], &fraction.part[i]);
  const Vector root_half = Vector::set(0.70710678f);
  const Vector one = Vector::set(1.0f);
  exponent = select_greater(root_half, fraction, exponent - one, exponent);
  const Vector z = select_greater(root_half, fraction, fraction + fraction, fraction) - one;
  Vector p = Vector::set(7.0376836292e-2f);
  p = fma(p, z, Vector::set(-1.1514610310e-1f));
  p = fma(p, z, Vector::set(1.1676998740e-1f));
  p = fma(p, z, Vector::set(-1.2420140846e-1f));
  p = fma(p, z, Vector::set(1.4249322787e-1f));
  p = fma(p, z, Vector::set(-1.6668057665e-1f));
  p = fma(p, z, Vector::set(2.0000714765e-1f));
  p = fma(p, z, Vector::set(-2.4999993993e-1f));
  p = fma(p, z, Vector::set(3.3333331174e-1f));
  const Vector square = z * z;
  Vector y = z * square * p;
  y = fma(exponent, Vector::set(-2.12194440e-4f), y);
  y = fma(square, Vector::set(-0.5f), y);
  // x - x is 0, or NaN if x is NaN: splitting the exponent treats the bits of NaN as those of a
  // number.
  return fma(exponent, Vector::set(0.693359375f), z + y) + (x - x);
}

// 1 / (1 + e^-x), relative error below 3e-7 for x > -87.
GATEWISE_INLINE Vector sigmoid(const Vector& x) {
  const Vector one = Vector::set(1.0f);
  return one / (one + exp(Vector::zero() - x));
}

// tanh x, relative error below 3e-7. Cephes' tanhf: a polynomial below 0.625, exponentials above.
GATEWISE_INLINE Vector tanh(const Vector& x) {
  const Vector magnitude = abs(x);
  const Vector one = Vector::set(1.0f), two = Vector::set(2.0f);
  const Vector large = copysign(one - two / (exp(magnitude * two) + one), x);
  const Vector square = x * x;
  Vector p = Vector::set(-5.70498872745e-3f);
  p = fma(p, square, Vector::set(2.06390887954e-2f));
  p = fma(p, square, Vector::set(-5.37397155531e-2f));
  p = fma(p, square, Vector::set(1.33314422036e-1f));
  p = fma(p, square, Vector::set(-3.33332819422e-1f));
  const Vector small = fma(p * square, x, x);
  return select_greater(magnitude, Vector::set(0.625f), large, small);
}

// Phi(-u), the probability that a normal variable exceeds u >= 0, and e^(-u^2 / 2), its density
// without the constant. Phi(-u) = P(t) t e^(-u^2 / 2) with t = 1 / (1 + 0.26 u). P is fitted for
// the least relative error over [0, 14] (2.5e-8 before rounding), as Abramowitz and Stegun 7.1.26
// is for the absolute error. Relative error below 8e-7 for u < 12.8, 0 beyond 13.2.
struct NormalTail {
  Vector beyond;
  Vector exponential;
};
GATEWISE_INLINE NormalTail normal_tail(const Vector& u) {
  const Vector bounded = min(Vector::set(14.0f), u);
  const Vector t = Vector::set(1.0f) / fma(bounded, Vector::set(0.26f), Vector::set(1.0f));
  Vector p = Vector::set(0.03050701506435871f);
  p = fma(p, t, Vector::set(-0.1528400480747223f));
  p = fma(p, t, Vector::set(0.2515162527561188f));
  p = fma(p, t, Vector::set(-0.15097953379154205f));
  p = fma(p, t, Vector::set(0.16097036004066467f));
  p = fma(p, t, Vector::set(0.051017507910728455f));
  p = fma(p, t, Vector::set(0.10303300619125366f));
  p = fma(p, t, Vector::set(0.10301633924245834f));
  p = fma(p, t, Vector::set(0.10375908762216568f));
  // A factor corrects the rounding error of the square: at 80 it is 4e-6 of the result.
  const Vector half = Vector::set(0.5f) * bounded, square = half * bounded;
  const Vector lost = fma(half, bounded, Vector::zero() - square);
  const Vector rounded = exp(Vector::zero() - square);
  const Vector exponential = fma(Vector::zero() - lost, rounded, rounded);
  return {p * t * exponential, exponential};
}

// ln(1 + x) for 0 <= x <= 1, relative error below 3e-7: ln(u) x / (u - 1) with u = 1 + x rounded
// cancels the rounding error (Kahan; Goldberg 1991, theorem 4).
GATEWISE_INLINE Vector log1p(const Vector& x) {
  const Vector one = Vector::set(1.0f);
  const Vector u = one + x, step = u - one;
  return select_greater(step, Vector::zero(), log(u) * x / step, x);
}

// ln(1 + e^x) without overflow or cancellation: max(x, 0) + ln(1 + e^-|x|).
GATEWISE_INLINE Vector softplus(const Vector& x) {
  return max(Vector::zero(), x) + log1p(exp(Vector::zero() - abs(x)));
}

}  // namespace gatewise
