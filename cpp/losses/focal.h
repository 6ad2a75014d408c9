// The focal factor (1 - p)^gamma, which lowers the loss of what is classified well (Lin et al.,
// "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4).
#pragma once

#include <cmath>
#include <limits>

#include "kernels/math.h"

namespace gatewise {

// x^exponent for an exponent that is the same for all x. Whole exponents are products; for others a
// negative x gives NaN.
class Power {
 public:
  explicit Power(float exponent)
      : exponent_(exponent), is_whole_(exponent >= 0 && exponent == std::floor(exponent)) {}

  Vector operator()(const Vector& x) const {
    if (is_whole_) {
      Vector product = Vector::set(1.0f);
      for (float factors = 0; factors < exponent_; ++factors) product = product * x;
      return product;
    }
    constexpr float kTiny = 1e-30f;  // for x = 0, whose logarithm has no number
    const Vector none = Vector::set(std::numeric_limits<float>::quiet_NaN());
    const Vector power = exp(Vector::set(exponent_) * log(max(Vector::set(kTiny), x)));
    return select_greater(Vector::zero(), x, none, power);
  }

 private:
  float exponent_;
  bool is_whole_;
};

// (x)^gamma and its derivative gamma x^(gamma - 1).
class FocalFactor {
 public:
  explicit FocalFactor(float gamma)
      : gamma_(Vector::set(gamma)), power_(gamma), lower_power_(gamma > 0 ? gamma - 1 : 0) {}

  Vector value(const Vector& x) const { return power_(x); }
  Vector derivative(const Vector& x) const { return gamma_ * lower_power_(x); }

 private:
  Vector gamma_;
  Power power_, lower_power_;
};

}  // namespace gatewise
