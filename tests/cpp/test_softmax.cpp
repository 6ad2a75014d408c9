#include "kernels/softmax.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Softmax and log-sum-exp in double.
double exact_softmax(const std::vector<float>& x, std::vector<double>& y) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  y.clear();
  for (const float value : x) {
    y.push_back(std::exp(value - largest));
    sum += y.back();
  }
  for (double& value : y) value /= sum;
  return largest + std::log(sum);
}

}  // namespace

TEST_CASE("softmax_forward agrees with the naive softmax and returns log-sum-exp") {
  RandomGenerator rng(1);
  for (Index width = 1; width <= 70; ++width) {
    const std::vector<float> x = rng.vector(width, -6, 6);
    std::vector<double> expected;
    const double log_sum = exact_softmax(x, expected);
    std::vector<float> y(static_cast<std::size_t>(width + 16), kCanary), in_place = x;
    const float got = softmax_forward(x.data(), y.data(), width);
    softmax_forward(in_place.data(), in_place.data(), width);
    WorstError worst;
    // The error of exp at a rounded argument (12 halves of an ulp of 12), of the sum and of the
    // division.
    for (Index j = 0; j < width; ++j) worst.see(y[j], expected[j], 1.5e-6 * expected[j]);
    worst.see(got, log_sum, 1e-6 * std::max(1.0, std::fabs(log_sum)));
    bool canaries_are_intact = true;
    for (Index j = width; j < width + 16; ++j) canaries_are_intact &= y[j] == kCanary;
    INFO("width ", width, ": ", worst.report());
    CHECK(worst.is_within());
    CHECK(canaries_are_intact);
    CHECK(same_bits(in_place.data(), y.data(), width));
  }
}

TEST_CASE("softmax_forward neither overflows nor divides by zero") {
  const std::vector<float> x{1000.0f, 999.0f, -1000.0f};
  std::vector<float> y(3);
  CHECK(softmax_forward(x.data(), y.data(), 3) == doctest::Approx(1000.31326).epsilon(1e-6));
  CHECK(y[0] == doctest::Approx(0.7310586));
  CHECK(y[1] == doctest::Approx(0.2689414));
  CHECK(y[2] == 0.0f);
}

TEST_CASE("softmax_forward returns all NaN for a row with NaN at any index") {
  Index wrong_rows = 0, wrong_log_sums = 0;
  for (Index width = 1; width <= 33; ++width) {
    for (Index index = 0; index < width; ++index) {
      std::vector<float> x(static_cast<std::size_t>(width), 0.5f), y(x.size());
      x[index] = NAN;
      const float log_sum = softmax_forward(x.data(), y.data(), width);
      wrong_rows += !std::all_of(y.begin(), y.end(), [](float value) { return std::isnan(value); });
      wrong_log_sums += !std::isnan(log_sum);
    }
  }
  CHECK(wrong_rows == 0);
  CHECK(wrong_log_sums == 0);
}

TEST_CASE("softmax_backward agrees with the naive gradient") {
  RandomGenerator rng(2);
  for (Index width = 1; width <= 37; ++width) {
    const std::vector<float> x = rng.vector(width, -3, 3), d_y = rng.vector(width);
    std::vector<double> exact;
    exact_softmax(x, exact);
    const std::vector<float> y(exact.begin(), exact.end());
    std::vector<float> d_x(static_cast<std::size_t>(width + 16), kCanary), in_place = d_y;
    softmax_backward(y.data(), d_y.data(), d_x.data(), width);
    softmax_backward(y.data(), in_place.data(), in_place.data(), width);
    Sum mean;
    for (Index j = 0; j < width; ++j) mean.add(y[j], d_y[j]);
    WorstError worst;
    for (Index j = 0; j < width; ++j)
      worst.see(d_x[j], y[j] * (d_y[j] - mean.value), y[j] * (mean.tolerance() + 4 * kHalfUlp));
    bool canaries_are_intact = true;
    for (Index j = width; j < width + 16; ++j) canaries_are_intact &= d_x[j] == kCanary;
    INFO("width ", width, ": ", worst.report());
    CHECK(worst.is_within());
    CHECK(canaries_are_intact);
    CHECK(same_bits(in_place.data(), d_x.data(), width));
  }
}
