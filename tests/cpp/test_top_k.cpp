#include "kernels/top_k.h"

#include <numeric>

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// A stable sort: largest first, NaN last, ties in order of indices.
std::vector<std::int32_t> naive_top_k(const std::vector<float>& values, Index k) {
  std::vector<std::int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    if (std::isnan(values[a]) || std::isnan(values[b]))
      return !std::isnan(values[a]) && std::isnan(values[b]);
    return values[a] > values[b];
  });
  order.resize(static_cast<std::size_t>(k));
  return order;
}

std::vector<std::int32_t> run_top_k(const std::vector<float>& values, Index k) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(k + 2), -7);
  top_k(values.data(), static_cast<Index>(values.size()), k, indices.data());
  CHECK(indices[k] == -7);
  CHECK(indices[k + 1] == -7);
  indices.resize(static_cast<std::size_t>(k));
  return indices;
}

}  // namespace

TEST_CASE("top_k returns the k largest in descending order, up to k = width") {
  RandomGenerator rng(1);
  for (Index width = 1; width <= 33; ++width)
    for (Index k = 1; k <= width; ++k) {
      const std::vector<float> values = rng.vector(width);
      CHECK(run_top_k(values, k) == naive_top_k(values, k));
    }
}

TEST_CASE("top_k finds the largest of many registers, in any order and with NaN among them") {
  RandomGenerator rng(3);
  for (const Index width : {100, 128, 1000, 4096}) {
    for (const Index k : {1, 2, 4, 16, 17, 64}) {
      std::vector<float> values = rng.vector(width);
      CHECK(run_top_k(values, k) == naive_top_k(values, k));
      std::vector<float> sorted = values;
      std::sort(sorted.begin(), sorted.end());
      CHECK(run_top_k(sorted, k) == naive_top_k(sorted, k));
      for (float& value : values) value = std::round(3 * value);
      CHECK(run_top_k(values, k) == naive_top_k(values, k));
      for (int hole = 0; hole < 20; ++hole) values[rng.below(width)] = NAN;
      CHECK(run_top_k(values, k) == naive_top_k(values, k));
    }
  }
}

TEST_CASE("top_k breaks ties by lowest index") {
  RandomGenerator rng(2);
  for (int round = 0; round < 500; ++round) {
    const Index width = 1 + rng.below(20);
    std::vector<float> values;
    for (Index i = 0; i < width; ++i) values.push_back(static_cast<float>(rng.below(3)));
    const Index k = 1 + rng.below(width);
    CHECK(run_top_k(values, k) == naive_top_k(values, k));
  }
  CHECK(run_top_k({0.0f, -0.0f, 0.0f}, 2) == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("top_k treats NaN as minus infinity") {
  CHECK(run_top_k({NAN, 1.0f, NAN, 2.0f}, 3) == std::vector<std::int32_t>{3, 1, 0});
  CHECK(run_top_k({NAN, NAN}, 2) == std::vector<std::int32_t>{0, 1});
  CHECK(run_top_k({1.0f, NAN, HUGE_VALF}, 1) == std::vector<std::int32_t>{2});
}

TEST_CASE("top_k ties NaN with minus infinity") {
  CHECK(run_top_k({NAN, -HUGE_VALF}, 1) == std::vector<std::int32_t>{0});
}
