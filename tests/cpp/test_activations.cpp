#include "kernels/activations.h"

#include <utility>

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

double exact(Activation kind, double x) {
  const double alpha = 1.6732632423543772, scale = 1.0507009873554805;
  switch (kind) {
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kLeakyRelu:
      return x < 0 ? 0.2 * x : x;
    case Activation::kElu:
      return x < 0 ? std::expm1(x) : x;
    case Activation::kSelu:
      return scale * (x < 0 ? alpha * std::expm1(x) : x);
    case Activation::kSoftplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
    case Activation::kSoftsign:
      return x / (1 + std::fabs(x));
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5)));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kExponential:
      return std::exp(x);
    case Activation::kRelu6:
      return std::clamp(x, 0.0, 6.0);
    case Activation::kHardSigmoid:
      return std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Activation::kHardSilu:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Activation::kHardTanh:
      return std::clamp(x, -1.0, 1.0);
    case Activation::kHardShrink:
      return std::fabs(x) > 0.5 ? x : 0;
    case Activation::kSoftShrink:
      return std::copysign(std::max(std::fabs(x) - 0.5, 0.0), x);
    case Activation::kTanhShrink:
      return x - std::tanh(x);
    case Activation::kSparsePlus:
      return x >= 1 ? x : x <= -1 ? 0 : (x + 1) * (x + 1) / 4;
    case Activation::kSparseSigmoid:
      return std::clamp((x + 1) / 2, 0.0, 1.0);
    case Activation::kLogSigmoid:
      return std::min(x, 0.0) - std::log1p(std::exp(-std::fabs(x)));
    case Activation::kMish:
      return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))));
    case Activation::kSquareplus:
      return (x + std::sqrt(x * x + 4)) / 2;
    case Activation::kLinear:
    case Activation::kSoftmax:
      break;
  }
  return x;
}

double exact_derivative(Activation kind, double x) {
  const double h = 1e-6;  // truncation error of order h^2, cancellation error 1e-16 / h
  return (exact(kind, x + h) - exact(kind, x - h)) / (2 * h);
}

const std::vector<std::pair<std::string, Activation>> kNames{
    {"linear", Activation::kLinear},
    {"relu", Activation::kRelu},
    {"leaky_relu", Activation::kLeakyRelu},
    {"elu", Activation::kElu},
    {"selu", Activation::kSelu},
    {"softplus", Activation::kSoftplus},
    {"softsign", Activation::kSoftsign},
    {"gelu", Activation::kGelu},
    {"silu", Activation::kSilu},
    {"tanh", Activation::kTanh},
    {"sigmoid", Activation::kSigmoid},
    {"exponential", Activation::kExponential},
    {"relu6", Activation::kRelu6},
    {"hard_sigmoid", Activation::kHardSigmoid},
    {"hard_silu", Activation::kHardSilu},
    {"hard_tanh", Activation::kHardTanh},
    {"hard_shrink", Activation::kHardShrink},
    {"soft_shrink", Activation::kSoftShrink},
    {"tanh_shrink", Activation::kTanhShrink},
    {"sparse_plus", Activation::kSparsePlus},
    {"sparse_sigmoid", Activation::kSparseSigmoid},
    {"log_sigmoid", Activation::kLogSigmoid},
    {"mish", Activation::kMish},
    {"squareplus", Activation::kSquareplus}};

// GELU multiplies the error function's 5e-7 by x / 2. The error of the others is a few roundings of
// the maximum of 1, |x| and |value|.
double tolerance(Activation kind, double x, double value) {
  const double size = std::max({1.0, std::fabs(x), std::fabs(value)});
  return (kind == Activation::kGelu ? 6e-7 : 4e-7) * size;
}

}  // namespace

TEST_CASE("activation_from_name knows every name and refuses others") {
  for (const auto& [name, kind] : kNames) CHECK(activation_from_name(name) == kind);
  CHECK(activation_from_name("softmax") == Activation::kSoftmax);
  CHECK_THROWS_WITH_AS(activation_from_name("relu7"),
                       "activation: expected the name of an activation, got relu7",
                       std::invalid_argument);
}

TEST_CASE(
    "activate_forward and activate_backward agree with Keras' formulas and their derivatives") {
  std::vector<float> x;
  for (float value = -12.0f; value <= 12.0f; value += 0.0137f) x.push_back(value);
  const auto count = static_cast<Index>(x.size());
  const std::vector<float> ones(x.size(), 1.0f);
  for (const auto& [name, kind] : kNames) {
    std::vector<float> y(x.size()), derivative(x.size());
    activate_forward(kind, x.data(), y.data(), count);
    activate_backward(kind, derivative_needs_input(kind) ? x.data() : nullptr, y.data(),
                      ones.data(), derivative.data(), count);
    WorstError values, derivatives;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double value = exact(kind, x[i]);
      values.see(y[i], value, tolerance(kind, x[i], value));
      // A derivative computed from the output has at most twice the output's error. 2e-9 is the
      // error of the finite difference.
      derivatives.see(derivative[i], exact_derivative(kind, x[i]),
                      2 * tolerance(kind, x[i], value) + 2e-9);
    }
    INFO(name, " values: ", values.report());
    INFO(name, " derivatives: ", derivatives.report());
    CHECK(values.is_within());
    CHECK(derivatives.is_within());
  }
}

TEST_CASE("activations write exactly `count` values and can run in place") {
  RandomGenerator rng(1);
  for (const auto& [name, kind] : kNames) {
    for (Index count = 0; count <= 33; ++count) {
      const std::vector<float> x = rng.vector(count), d_y = rng.vector(count);
      std::vector<float> y(static_cast<std::size_t>(count + 16), kCanary), d_x = y;
      activate_forward(kind, x.data(), y.data(), count);
      activate_backward(kind, x.data(), y.data(), d_y.data(), d_x.data(), count);
      std::vector<float> in_place = x, d_in_place = d_y;
      activate_forward(kind, in_place.data(), in_place.data(), count);
      activate_backward(kind, x.data(), y.data(), d_in_place.data(), d_in_place.data(), count);
      bool canaries_are_intact = true;
      for (Index i = count; i < count + 16; ++i)
        canaries_are_intact &= y[i] == kCanary && d_x[i] == kCanary;
      INFO(name, " count ", count);
      CHECK(canaries_are_intact);
      CHECK(same_bits(in_place.data(), y.data(), count));
      CHECK(same_bits(d_in_place.data(), d_x.data(), count));
    }
  }
}

TEST_CASE("activations propagate NaN, and only the exponential overflows for large inputs") {
  for (const auto& [name, kind] : kNames) {
    const std::vector<float> x{NAN, -1e4f, 1e4f, -80.0f, 80.0f};
    std::vector<float> y(5);
    activate_forward(kind, x.data(), y.data(), 5);
    INFO(name);
    CHECK(std::isnan(y[0]));
    for (int i = 1; i < 5; ++i) {
      const bool overflows = kind == Activation::kExponential && x[i] > 88.8f;
      CHECK(std::isinf(y[i]) == overflows);
      if (!overflows) CHECK(y[i] == doctest::Approx(exact(kind, x[i])).epsilon(1e-6));
    }
  }
}
