// Activations and their derivatives on 16 lanes, with Keras' formulas and constants.
#pragma once

#include "core/activation.h"
#include "kernels/math.h"

namespace gatewise {

inline constexpr float kLeakySlope = 0.2f;
inline constexpr float kSeluScale = 1.05070098f;
inline constexpr float kSeluAlpha = 1.67326324f;
inline constexpr float kInverseRootTwoPi = 0.39894228f;

// Phi(x), the normal distribution function, from the tail beyond |x|.
GATEWISE_INLINE Vector normal_cdf(const NormalTail& tail, const Vector& x) {
  return select_greater(x, Vector::zero(), Vector::set(1.0f) - tail.beyond, tail.beyond);
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
    case Activation::kLinear:
    case Activation::kSoftmax:
      break;
  }
  return one;
}

}  // namespace gatewise
