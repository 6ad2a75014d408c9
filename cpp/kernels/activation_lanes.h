// Activations and their derivatives on 16 lanes, with Keras' formulas and constants.
#pragma once

#include "core/activation.h"
#include "kernels/math.h"

namespace gatewise {

inline constexpr float kLeakySlope = 0.2f;
inline constexpr float kSeluScale = 1.05070098f;
inline constexpr float kSeluAlpha = 1.67326324f;
inline constexpr float kShrinkThreshold = 0.5f;
inline constexpr float kInverseRootTwoPi = 0.39894228f;

// Phi(x), the normal distribution function, from the tail beyond |x|.
GATEWISE_INLINE Vector normal_cdf(const NormalTail& tail, const Vector& x) {
  return select_greater(x, Vector::zero(), Vector::set(1.0f) - tail.beyond, tail.beyond);
}

// x between two bounds.
GATEWISE_INLINE Vector clamp(const Vector& x, float low, float high) {
  return min(Vector::set(high), max(Vector::set(low), x));
}

// `inside` where low < y < high, else 0.
GATEWISE_INLINE Vector derivative_between(const Vector& y, float low, float high,
                                          const Vector& inside) {
  const Vector zero = Vector::zero();
  return select_greater(y, Vector::set(low), select_greater(Vector::set(high), y, inside, zero),
                        zero);
}

// min(max((x + 3) / 6, 0), 1).
GATEWISE_INLINE Vector hard_sigmoid(const Vector& x) {
  return clamp(x + Vector::set(3.0f), 0.0f, 6.0f) * Vector::set(1.0f / 6);
}

// y = f(x).
GATEWISE_INLINE Vector activate(Activation kind, const Vector& x) {
  const Vector zero = Vector::zero(), one = Vector::set(1.0f);
  switch (kind) {
    case Activation::kRelu:
      return max(zero, x);
    case Activation::kLeakyRelu:
      return select_greater(zero, x, x * Vector::set(kLeakySlope), x);
    case Activation::kElu:
      return select_greater(zero, x, expm1(x), x);
    case Activation::kSelu:
      return Vector::set(kSeluScale) *
             select_greater(zero, x, Vector::set(kSeluAlpha) * expm1(x), x);
    case Activation::kSoftplus:
      return softplus(x);
    case Activation::kSoftsign:
      return x / (one + abs(x));
    case Activation::kGelu:
      return x * normal_cdf(normal_tail(abs(x)), x);
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kTanh:
      return tanh(x);
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kExponential:
      return exp_unbounded(x);
    case Activation::kRelu6:
      return clamp(x, 0.0f, 6.0f);
    case Activation::kHardSigmoid:
      return hard_sigmoid(x);
    case Activation::kHardSilu:
      return x * hard_sigmoid(x);
    case Activation::kHardTanh:
      return clamp(x, -1.0f, 1.0f);
    case Activation::kHardShrink:
      return select_greater(abs(x), Vector::set(kShrinkThreshold), x, zero * x);
    case Activation::kSoftShrink:
      return copysign(max(zero, abs(x) - Vector::set(kShrinkThreshold)), x);
    case Activation::kTanhShrink:
      return x - tanh(x);
    case Activation::kSparsePlus: {
      const Vector s = clamp(x, -1.0f, 1.0f) + one;
      return select_greater(x, one, x, s * s * Vector::set(0.25f));
    }
    case Activation::kSparseSigmoid:
      return (clamp(x, -1.0f, 1.0f) + one) * Vector::set(0.5f);
    case Activation::kLogSigmoid:
      return zero - softplus(zero - x);
    case Activation::kMish:
      return x * tanh(softplus(x));
    case Activation::kSquareplus:
      // (x + sqrt(x^2 + 4)) / 2, without the difference of two large values.
      return max(zero, x) + Vector::set(2.0f) / (sqrt(fma(x, x, Vector::set(4.0f))) + abs(x));
    case Activation::kLinear:
    case Activation::kSoftmax:
      break;
  }
  return x;
}

// f'(x) from the output y and, if `derivative_needs_input`, the input x.
GATEWISE_INLINE Vector activation_derivative(Activation kind, const Vector& y, const Vector& x) {
  const Vector zero = Vector::zero(), one = Vector::set(1.0f);
  switch (kind) {
    case Activation::kRelu:
      return select_greater(y, zero, one, zero);
    case Activation::kLeakyRelu:
      return select_greater(zero, y, Vector::set(kLeakySlope), one);
    case Activation::kElu:
      return select_greater(zero, y, y + one, one);
    case Activation::kSelu:
      return select_greater(zero, y, y + Vector::set(kSeluScale * kSeluAlpha),
                            Vector::set(kSeluScale));
    case Activation::kSoftplus:
      return zero - expm1(zero - y);
    case Activation::kSoftsign: {
      const Vector rest = one - abs(y);
      return rest * rest;
    }
    case Activation::kGelu: {
      const NormalTail tail = normal_tail(abs(x));
      const Vector density = tail.exponential * Vector::set(kInverseRootTwoPi);
      return fma(x, density, normal_cdf(tail, x));
    }
    case Activation::kSilu: {
      const Vector s = sigmoid(x);
      return s * fma(x, one - s, one);
    }
    case Activation::kTanh:
      return one - y * y;
    case Activation::kSigmoid:
      return y * (one - y);
    case Activation::kExponential:
      return y;
    case Activation::kRelu6:
      return derivative_between(y, 0.0f, 6.0f, one);
    case Activation::kHardSigmoid:
      return derivative_between(y, 0.0f, 1.0f, Vector::set(1.0f / 6));
    case Activation::kHardSilu: {
      const Vector middle = fma(x, Vector::set(1.0f / 3), Vector::set(0.5f));
      const Vector above = select_greater(x, Vector::set(-3.0f), middle, zero);
      return select_greater(x, Vector::set(3.0f), one, above);
    }
    case Activation::kHardTanh:
      return derivative_between(y, -1.0f, 1.0f, one);
    case Activation::kHardShrink:
    case Activation::kSoftShrink:
      return select_greater(abs(y), zero, one, zero);
    case Activation::kTanhShrink: {
      const Vector t = tanh(x);
      return t * t;
    }
    case Activation::kSparsePlus:
      return (clamp(x, -1.0f, 1.0f) + one) * Vector::set(0.5f);
    case Activation::kSparseSigmoid:
      return derivative_between(y, 0.0f, 1.0f, Vector::set(0.5f));
    case Activation::kLogSigmoid:
      return zero - expm1(y);
    case Activation::kMish: {
      const Vector t = tanh(softplus(x));
      return fma(x * (one - t * t), sigmoid(x), t);
    }
    case Activation::kSquareplus:
      return fma(x / sqrt(fma(x, x, Vector::set(4.0f))), Vector::set(0.5f), Vector::set(0.5f));
    case Activation::kLinear:
    case Activation::kSoftmax:
      break;
  }
  return one;
}

}  // namespace gatewise
