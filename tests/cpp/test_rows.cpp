#include "kernels/rows.h"

#include "core/random.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

std::vector<float> with_canaries(std::vector<float> values) {
  values.insert(values.end(), 16, kCanary);
  return values;
}

bool ends_in_canaries(const std::vector<float>& values) {
  return std::all_of(values.end() - 16, values.end(), [](float x) { return x == kCanary; });
}

struct Normalised {
  std::vector<double> normal;
  double inverse;
};

Normalised exact_normal(const std::vector<float>& x, double epsilon) {
  double mean = 0, variance = 0;
  const auto width = static_cast<double>(x.size());
  for (const float value : x) mean += value / width;
  for (const float value : x) variance += (value - mean) * (value - mean) / width;
  Normalised result{{}, 1 / std::sqrt(variance + epsilon)};
  for (const float value : x) result.normal.push_back((value - mean) * result.inverse);
  return result;
}

}  // namespace

TEST_CASE("add_scaled, set_scaled and copy_or_add agree with naive loops") {
  RandomGenerator rng(1);
  for (Index width = 0; width <= 35; ++width) {
    const std::vector<float> x = rng.vector(width), y = with_canaries(rng.vector(width));
    std::vector<float> added = y, set = y, copied = y, summed = y;
    add_scaled(x.data(), 0.3f, added.data(), width);
    set_scaled(x.data(), 0.3f, set.data(), width);
    copy_or_add(x.data(), copied.data(), width, false);
    copy_or_add(x.data(), summed.data(), width, true);
    WorstError worst;
    bool is_exact = true;
    for (Index j = 0; j < width; ++j) {
      worst.see(added[j], y[j] + static_cast<double>(0.3f) * x[j], 4 * kHalfUlp);
      is_exact &= set[j] == 0.3f * x[j] && copied[j] == x[j] && summed[j] == y[j] + x[j];
    }
    INFO("width ", width, ": ", worst.report());
    CHECK(worst.is_within());
    CHECK(is_exact);
    for (const auto* row : {&added, &set, &copied, &summed}) CHECK(ends_in_canaries(*row));
    std::vector<float> in_place = x;
    set_scaled(in_place.data(), 0.3f, in_place.data(), width);
    CHECK(same_bits(in_place.data(), set.data(), width));
  }
}

TEST_CASE("layer_norm_forward agrees with the naive normalization") {
  RandomGenerator rng(2);
  for (Index width = 1; width <= 70; ++width) {
    const std::vector<float> x = rng.vector(width, 1, 3);
    const std::vector<float> gamma = rng.vector(width), beta = rng.vector(width);
    const Normalised expected = exact_normal(x, 1e-3);
    for (int variant = 0; variant < 4; ++variant) {
      const float* scale = variant & 1 ? gamma.data() : nullptr;
      const float* shift = variant & 2 ? beta.data() : nullptr;
      std::vector<float> normal = with_canaries(x), y = normal, shared = normal;
      const float inverse =
          layer_norm_forward(x.data(), scale, shift, 1e-3f, normal.data(), y.data(), width);
      layer_norm_forward(x.data(), scale, shift, 1e-3f, shared.data(), shared.data(), width);
      WorstError worst;
      // Rounding of values up to 3 and their mean, divided by a deviation >= sqrt(epsilon) = 0.03.
      const double tolerance = 3 * 8 * kHalfUlp * expected.inverse + 1e-6;
      worst.see(inverse, expected.inverse, 3e-6 * expected.inverse);
      for (Index j = 0; j < width; ++j) {
        worst.see(normal[j], expected.normal[j], tolerance);
        worst.see(y[j], (scale ? scale[j] : 1.0) * expected.normal[j] + (shift ? shift[j] : 0.0),
                  tolerance);
      }
      INFO("width ", width, " variant ", variant, ": ", worst.report());
      CHECK(worst.is_within());
      CHECK(ends_in_canaries(normal));
      CHECK(ends_in_canaries(y));
      CHECK(same_bits(shared.data(), y.data(), width));
    }
  }
}

TEST_CASE("layer_norm_backward agrees with finite differences of the naive normalization") {
  RandomGenerator rng(3);
  for (Index width = 1; width <= 35; ++width) {
    const std::vector<float> x = rng.vector(width, -2, 2), d_y = rng.vector(width);
    const std::vector<float> gamma = rng.vector(width), before = rng.vector(width);
    for (const bool has_gamma : {false, true}) {
      const auto loss = [&](std::vector<double> at) {
        double mean = 0, variance = 0, sum = 0;
        for (const double value : at) mean += value / static_cast<double>(width);
        for (const double value : at)
          variance += (value - mean) * (value - mean) / static_cast<double>(width);
        for (Index j = 0; j < width; ++j)
          sum +=
              (has_gamma ? gamma[j] : 1.0) * d_y[j] * (at[j] - mean) / std::sqrt(variance + 1e-3);
        return sum;
      };
      const Normalised exact = exact_normal(x, 1e-3);
      const std::vector<float> normal(exact.normal.begin(), exact.normal.end());
      std::vector<float> d_x = with_canaries(before), added = d_x;
      const float* scale = has_gamma ? gamma.data() : nullptr;
      const auto inverse = static_cast<float>(exact.inverse);
      layer_norm_backward(normal.data(), scale, d_y.data(), inverse, d_x.data(), width, false);
      layer_norm_backward(normal.data(), scale, d_y.data(), inverse, added.data(), width, true);
      WorstError worst;
      bool both_agree = true;
      for (Index j = 0; j < width; ++j) {
        std::vector<double> above(x.begin(), x.end()), below = above;
        above[j] += 1e-6;
        below[j] -= 1e-6;
        // Rounding of a few values near 1 times `inverse`, plus 1e-9 of the finite difference.
        worst.see(d_x[j], (loss(above) - loss(below)) / 2e-6, 1e-6 * (1 + exact.inverse));
        both_agree &= added[j] == before[j] + d_x[j];
      }
      INFO("width ", width, ": ", worst.report());
      CHECK(worst.is_within());
      CHECK(both_agree);
      CHECK(ends_in_canaries(d_x));
      CHECK(ends_in_canaries(added));
    }
  }
}

TEST_CASE("dropout keeps and scales up the values whose uniform draws reach the rate") {
  RandomGenerator rng(4);
  for (Index width = 0; width <= 35; ++width) {
    for (const float rate : {0.0f, 0.3f, 0.9f}) {
      const std::vector<float> x = rng.vector(width), before = rng.vector(width);
      std::vector<float> y = with_canaries(before), added = y, in_place = x;
      dropout(x.data(), rate, 7, 9, 40, y.data(), width, false);
      dropout(x.data(), rate, 7, 9, 40, added.data(), width, true);
      dropout(in_place.data(), rate, 7, 9, 40, in_place.data(), width, false);
      bool is_right = true;
      for (Index j = 0; j < width; ++j) {
        const bool is_kept = uniform_at(7, 9, static_cast<std::uint64_t>(40 + j)) >= rate;
        const float value = is_kept ? x[j] * (1.0f / (1.0f - rate)) : 0.0f;
        is_right &= y[j] == value && added[j] == before[j] + value && in_place[j] == value;
      }
      INFO("width ", width, " rate ", rate);
      CHECK(is_right);
      CHECK(ends_in_canaries(y));
      CHECK(ends_in_canaries(added));
    }
  }
}

TEST_CASE("dropout drops the expected fraction") {
  const Index width = 100000;
  const std::vector<float> ones(static_cast<std::size_t>(width), 1.0f);
  std::vector<float> y(ones.size());
  dropout(ones.data(), 0.25f, 1, 2, 0, y.data(), width, false);
  const auto dropped = static_cast<double>(std::count(y.begin(), y.end(), 0.0f));
  // Five standard deviations of a binomial fraction.
  CHECK(std::fabs(dropped / width - 0.25) < 5 * std::sqrt(0.25 * 0.75 / width));
}
