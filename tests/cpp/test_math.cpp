// Checks the error bounds stated in kernels/math.h against double, at every kStep-th bit pattern of
// their ranges. (kStep = 1 takes minutes and finds the same bounds.)
#include "kernels/activation_lanes.h"
#include "kernels/activations.h"

#include <bit>

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr std::uint32_t kStep = 997;

using Function = Vector (*)(const Vector&);
using Exact = double (*)(double);

std::vector<float> evaluate(Function f, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  for (std::size_t i = 0; i < x.size(); i += kPanelWidth) {
    const Index rest = static_cast<Index>(x.size() - i);
    f(Vector::load_up_to(x.data() + i, rest)).store_up_to(y.data() + i, rest);
  }
  return y;
}

// Calls see(x, f(x)) for floats between `low` and `high`, which have the same sign, in order of
// their bits.
template <typename See>
void sweep(Function f, float low, float high, const See& see) {
  auto begin = std::bit_cast<std::uint32_t>(low), end = std::bit_cast<std::uint32_t>(high);
  if (begin > end) std::swap(begin, end);
  std::vector<float> x;
  for (std::uint64_t at = begin; at <= end;) {
    x.clear();
    for (; at <= end && x.size() < 4096; at += kStep)
      x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(at)));
    const std::vector<float> y = evaluate(f, x);
    for (std::size_t i = 0; i < x.size(); ++i) see(x[i], y[i]);
  }
}

// Checks |f(x) - exact(x)| <= bound(x, exact) over [low, high], which may contain 0.
template <typename Bound>
void check_error(Function f, Exact exact, float low, float high, const Bound& bound) {
  WorstError worst;
  float where = 0;
  const auto see = [&](float x, float y) {
    const double before = worst.ratio(), value = exact(x);
    worst.see(y, value, bound(x, value));
    if (worst.ratio() > before) where = x;
  };
  if (low < 0) sweep(f, -0.0f, low, see);
  if (high > 0) sweep(f, std::max(low, 0.0f), high, see);
  INFO("at x = ", where, ": ", worst.report());
  CHECK(worst.is_within());
}

double relative_2e7(double, double value) { return 2e-7 * std::fabs(value); }
double relative_3e7(double, double value) { return 3e-7 * std::fabs(value); }

float at(Function f, float x) { return evaluate(f, {x})[0]; }

Vector exp_of_vector(const Vector& x) { return gatewise::exp(x); }
Vector log_of_vector(const Vector& x) { return gatewise::log(x); }
Vector sigmoid_of_vector(const Vector& x) { return gatewise::sigmoid(x); }
Vector tanh_of_vector(const Vector& x) { return gatewise::tanh(x); }
Vector tail_of_vector(const Vector& x) { return gatewise::normal_tail(x).beyond; }
Vector gelu_of_vector(const Vector& x) { return activate(Activation::kGelu, x); }
Vector softplus_of_vector(const Vector& x) { return gatewise::softplus(x); }

}  // namespace

TEST_CASE("exp has a relative error below 2e-7") {
  check_error(exp_of_vector, [](double x) { return std::exp(x); }, -87.3f, 88.0f, relative_2e7);
}

TEST_CASE("exp is 0 far below and stays finite far above") {
  CHECK(at(exp_of_vector, -87.34f) == 0.0f);
  CHECK(at(exp_of_vector, -1e30f) == 0.0f);
  CHECK(at(exp_of_vector, -HUGE_VALF) == 0.0f);
  for (const float x : {88.0f, 89.0f, 1e30f, HUGE_VALF})
    CHECK(at(exp_of_vector, x) == at(exp_of_vector, 88.0f));
  CHECK(at(exp_of_vector, 88.0f) == doctest::Approx(std::exp(88.0)));
  CHECK(at(exp_of_vector, 0.0f) == 1.0f);
}

TEST_CASE("log has an absolute error below 1e-7 max(1, |ln x|) for normal numbers") {
  check_error(
      log_of_vector, [](double x) { return std::log(x); }, 0x1p-126f, 0x1.fffffep127f,
      [](double, double value) { return 1e-7 * std::max(1.0, std::fabs(value)); });
  CHECK(at(log_of_vector, 1.0f) == 0.0f);
}

TEST_CASE("sigmoid has a relative error below 3e-7 above -87") {
  check_error(
      sigmoid_of_vector, [](double x) { return 1 / (1 + std::exp(-x)); }, -86.999f, 0x1.fffffep127f,
      relative_3e7);
}

TEST_CASE("tanh has a relative error below 3e-7") {
  check_error(
      tanh_of_vector, [](double x) { return std::tanh(x); }, -0x1.fffffep127f, 0x1.fffffep127f,
      relative_3e7);
}

TEST_CASE("normal_tail has a relative error below 8e-7 and reaches 0") {
  check_error(
      tail_of_vector, [](double x) { return 0.5 * std::erfc(x * std::sqrt(0.5)); }, 0.0f, 12.8f,
      [](double, double value) { return 8e-7 * value; });
  CHECK(at(tail_of_vector, 13.3f) == 0.0f);
  CHECK(at(tail_of_vector, HUGE_VALF) == 0.0f);
  CHECK(std::isnan(at(tail_of_vector, NAN)));
}

TEST_CASE("gelu has a relative error below 9e-7 on both sides of 0") {
  // The error of a subnormal result is at most the spacing of subnormal floats.
  check_error(
      gelu_of_vector, [](double x) { return 0.5 * x * std::erfc(-x * std::sqrt(0.5)); }, -12.8f,
      0x1.fffffep127f, [](double, double value) { return 9e-7 * std::fabs(value) + 0x1p-149; });
}

TEST_CASE("softplus neither overflows nor cancels") {
  // The sum of the errors of log and exp; below -16 the logarithm's argument rounds to 1.
  check_error(
      softplus_of_vector,
      [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); },
      -0x1.fffffep127f, 0x1.fffffep127f,
      [](double, double value) { return 3e-7 * std::max(1.0, value); });
}

TEST_CASE("odd functions are odd bitwise") {
  const std::vector<float> x{1e-30f, 1e-3f, 0.3f, 0.624f, 0.626f, 2.0f, 30.0f, HUGE_VALF};
  for (const float value : x) {
    CHECK(at(tanh_of_vector, -value) == -at(tanh_of_vector, value));
  }
}

TEST_CASE("all functions return NaN for NaN") {
  CHECK(std::isnan(at(exp_of_vector, NAN)));
  CHECK(std::isnan(at(log_of_vector, NAN)));
  CHECK(std::isnan(at(sigmoid_of_vector, NAN)));
  CHECK(std::isnan(at(tanh_of_vector, NAN)));
  CHECK(std::isnan(at(tail_of_vector, NAN)));
  CHECK(std::isnan(at(softplus_of_vector, NAN)));
}

TEST_CASE("a value's bits do not depend on its lane or on its neighbours") {
  RandomGenerator rng(1);
  for (const Function f : {exp_of_vector, log_of_vector, sigmoid_of_vector, tanh_of_vector,
                           tail_of_vector, softplus_of_vector}) {
    const std::vector<float> x = rng.vector(35, 0.01f, 20.0f), y = evaluate(f, x);
    bool is_same = true;
    for (std::size_t i = 0; i < x.size(); ++i) is_same &= at(f, x[i]) == y[i];
    CHECK(is_same);
  }
}
