#include "core/random.h"

#include <map>
#include <set>

#include "kernels/random_fill.h"
#include "products/orthogonal.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Checks that the bits of value i from `fill(start, y, count)` do not depend on start and count,
// and that `count` values are written.
template <typename Fill>
void check_cuts(const Fill& fill) {
  const Index count = 201;
  std::vector<float> whole(count);
  fill(0, whole.data(), count);
  for (const Index step : {1, 3, 4, 5, 15, 16, 17, 64}) {
    std::vector<float> chunked(count + 16, kCanary);
    for (Index at = 0; at < count; at += step)
      fill(at, chunked.data() + at, std::min(step, count - at));
    INFO("step ", step);
    CHECK(same_bits(whole.data(), chunked.data(), count));
    CHECK(std::count(chunked.begin() + count, chunked.end(), kCanary) == 16);
  }
}

double normal_distribution(double z) { return 0.5 * std::erfc(-z * std::sqrt(0.5)); }

}  // namespace

TEST_CASE("philox reproduces the known answers of Random123") {
  // kat_vectors of Random123, philox4x32-10: counter, key, result.
  CHECK(philox(0, 0, 0) == RandomBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(~0ull, ~0ull, ~0ull) == RandomBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822ull, 0x0370734413198a2eull, 0x85a308d3243f6a88ull) ==
        RandomBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform_at reads the right word of the right block") {
  for (std::uint64_t index = 0; index < 9; ++index)
    CHECK(uniform_at(3, 4, index) == to_uniform(philox(3, 4, index / 4)[index % 4]));
  CHECK(to_uniform(0) == 0.0f);
  CHECK(to_uniform(~0u) == 1.0f - 0x1p-24f);
}

TEST_CASE("fill_uniform is uniform over its range") {
  const Index count = 1 << 16;
  std::vector<float> y(count);
  fill_uniform(5, 6, 11, -2.0f, 3.0f, y.data(), count);
  WorstError worst;
  double sum = 0, square = 0;
  for (Index i = 0; i < count; ++i) {
    worst.see(y[i], -2.0 + 5.0 * uniform_at(5, 6, static_cast<std::uint64_t>(11 + i)), 5e-7);
    sum += y[i];
    square += (y[i] - 0.5) * (y[i] - 0.5);
  }
  INFO(worst.report());
  CHECK(worst.is_within());
  CHECK(*std::min_element(y.begin(), y.end()) >= -2.0f);
  CHECK(*std::max_element(y.begin(), y.end()) < 3.0f);
  // Five standard deviations of the mean, sqrt(25 / 12 / count), and of the variance.
  CHECK(std::fabs(sum / count - 0.5) < 5 * std::sqrt(25.0 / 12 / count));
  CHECK(std::fabs(square / count - 25.0 / 12) < 5 * 25.0 * std::sqrt(1.0 / 180 / count));
}

TEST_CASE("fill_uniform stays below its upper end") {
  // Value 9320226 of seed 0 is the maximum, 1 - 2^-24.
  REQUIRE(uniform_at(0, 0, 9320226) == 1.0f - 0x1p-24f);
  for (const float high : {1.0f, 2.0f, 0.05f}) {
    for (const float low : {-1.0f, 0.0f, -0.05f, 0.5f * high}) {
      float y;
      fill_uniform(0, 0, 9320226, low, high, &y, 1);
      INFO("[", low, ", ", high, ")");
      CHECK(y < high);
    }
  }
}

TEST_CASE("fill_normal inverts the normal distribution") {
  const Index count = 1 << 18;
  std::vector<float> y(count);
  fill_normal(1, 2, 0, 0.0f, 1.0f, y.data(), count);
  WorstError worst;
  for (Index i = 0; i < count; ++i) {
    const double u = uniform_at(1, 2, static_cast<std::uint64_t>(i)) + 0x1p-25;
    // One Newton step from the value towards the exact one, in the tail without cancellation.
    const double z = y[i], density = std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI);
    const double excess = u < 0.5 ? normal_distribution(z) - u : (1 - u) - normal_distribution(-z);
    worst.see(z, z - excess / density, 3e-6 * std::max(1.0, std::fabs(z)));
  }
  INFO(worst.report());
  CHECK(worst.is_within());
}

TEST_CASE("fill_normal has the mean, variance and tails of the normal distribution") {
  const Index count = 1 << 20;
  std::vector<float> y(count);
  fill_normal(7, 8, 3, 2.0f, 0.5f, y.data(), count);
  double mean = 0, variance = 0, third = 0, fourth = 0;
  Index beyond_3 = 0, beyond_4 = 0;
  for (const float value : y) {
    const double z = (value - 2.0) / 0.5;
    mean += z / count;
    variance += z * z / count;
    third += z * z * z / count;
    fourth += z * z * z * z / count;
    beyond_3 += std::fabs(z) > 3;
    beyond_4 += std::fabs(z) > 4;
  }
  const double root = std::sqrt(static_cast<double>(count));
  // Tolerances are five standard deviations: 1, sqrt(2), sqrt(15) and sqrt(96) for the moments, the
  // root of a count for counts.
  CHECK(std::fabs(mean) < 5 / root);
  CHECK(std::fabs(variance - 1) < 5 * std::sqrt(2.0) / root);
  CHECK(std::fabs(third) < 5 * std::sqrt(15.0) / root);
  CHECK(std::fabs(fourth - 3) < 5 * std::sqrt(96.0) / root);
  for (const auto& [seen, limit] : {std::pair{beyond_3, 3.0}, std::pair{beyond_4, 4.0}}) {
    const double expected = 2 * normal_distribution(-limit) * count;
    CHECK(std::fabs(static_cast<double>(seen) - expected) < 5 * std::sqrt(expected));
  }
}

TEST_CASE("fill_normal is finite and symmetric at the ends of the uniform range") {
  // The maximum, 1 - 2^-24, and the minimum, 0, of seed 0.
  REQUIRE(uniform_at(0, 0, 59535980) == 0.0f);
  float high, low;
  fill_normal(0, 0, 9320226, 0.0f, 1.0f, &high, 1);
  fill_normal(0, 0, 59535980, 0.0f, 1.0f, &low, 1);
  CHECK(high == doctest::Approx(5.42).epsilon(0.01));
  CHECK(low == -high);
}

TEST_CASE("a value's bits do not depend on how the range is split") {
  check_cuts(
      [](Index start, float* y, Index count) { fill_uniform(1, 2, start, -0.3f, 0.7f, y, count); });
  check_cuts([](Index start, float* y, Index count) {
    fill_uniform(1, 2, (Index{1} << 40) + 3 + start, 0.0f, 1.0f, y, count);
  });
  check_cuts([](Index start, float* y, Index count) {
    fill_normal(1, 2, 7 + start, 0.1f, 0.3f, y, count);
  });
}

TEST_CASE("streams and seeds differ") {
  std::set<std::vector<float>> seen;
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    for (std::uint64_t stream = 0; stream < 4; ++stream) {
      std::vector<float> y(8);
      fill_uniform(seed, stream, 0, 0.0f, 1.0f, y.data(), 8);
      seen.insert(y);
    }
  CHECK(seen.size() == 16);
}

TEST_CASE("fill_permutation writes a permutation") {
  for (const Index count : {0, 1, 2, 3, 17, 1000}) {
    std::vector<Index> y(static_cast<std::size_t>(count));
    fill_permutation(1, 2, y.data(), count);
    std::vector<Index> sorted = y;
    std::sort(sorted.begin(), sorted.end());
    bool is_permutation = true;
    for (Index i = 0; i < count; ++i) is_permutation &= sorted[i] == i;
    CHECK(is_permutation);
    if (count == 1000) CHECK(y != sorted);
  }
}

TEST_CASE("fill_permutation writes every permutation with the same probability") {
  const Index draws = 24000;
  std::map<std::vector<Index>, Index> counts;
  for (Index seed = 0; seed < draws; ++seed) {
    std::vector<Index> y(4);
    fill_permutation(static_cast<std::uint64_t>(seed), 0, y.data(), 4);
    ++counts[y];
  }
  CHECK(counts.size() == 24);
  double chi_square = 0;
  for (const auto& [order, count] : counts)
    chi_square += static_cast<double>((count - 1000) * (count - 1000)) / 1000.0;
  CHECK(chi_square < 60);  // 23 degrees of freedom: exceeded with probability 4e-5
}

TEST_CASE("fill_orthogonal writes orthonormal rows or columns, whichever are fewer") {
  for (const auto& [rows, cols] : std::vector<std::pair<Index, Index>>{
           {1, 1}, {1, 7}, {7, 1}, {5, 5}, {3, 9}, {9, 3}, {40, 17}, {17, 40}}) {
    std::vector<float> y(static_cast<std::size_t>(rows * cols + 1), kCanary);
    fill_orthogonal(3, 4, rows, cols, y.data());
    CHECK(y.back() == kCanary);
    const bool by_row = rows <= cols;
    const Index count = std::min(rows, cols), length = std::max(rows, cols);
    WorstError worst;
    for (Index a = 0; a < count; ++a) {
      for (Index b = 0; b < count; ++b) {
        double product = 0;
        for (Index i = 0; i < length; ++i)
          product += static_cast<double>(by_row ? y[a * cols + i] : y[i * cols + a]) *
                     (by_row ? y[b * cols + i] : y[i * cols + b]);
        worst.see(product, a == b, 4 * kHalfUlp);  // values rounded to float, of unit length
      }
    }
    INFO(rows, " by ", cols, ": ", worst.report());
    CHECK(worst.is_within());
  }
}
