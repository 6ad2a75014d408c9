#include "kernels/weighted_rows.h"

#include "kernels/reduce.h"
#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

TEST_CASE("weighted_rows agrees with a sequential sum from the given start") {
  RandomGenerator rng(1);
  for (const Index width : {1, 15, 16, 17, 63, 64, 65, 200}) {
    const Index stride = round_up(width, kPanelWidth) + kPanelWidth;
    const std::vector<float> x = rng.vector(9 * stride), start = rng.vector(width);
    const std::vector<std::int32_t> rows{3, 0, 8, 3, 5};
    const std::vector<float> weights = rng.vector(5);
    for (const Index count : {0, 1, 5}) {
      std::vector<float> y(static_cast<std::size_t>(width) + 1, 7.0f);
      weighted_rows(x.data(), stride, rows.data(), weights.data(), count, start.data(), y.data(),
                    width);
      for (Index j = 0; j < width; ++j) {
        float sum = start[j];
        for (Index e = 0; e < count; ++e) sum = std::fma(weights[e], x[rows[e] * stride + j], sum);
        CHECK(y[j] == doctest::Approx(sum).epsilon(1e-6));
      }
      CHECK(y[width] == 7.0f);
    }
  }
}

TEST_CASE("products with rows of a matrix have the bits of dot") {
  RandomGenerator rng(2);
  for (const Index width : {1, 15, 16, 17, 200}) {
    const Index stride = round_up(width, kPanelWidth);
    const std::vector<float> x = rng.vector(9 * stride), y = rng.vector(width);
    const std::vector<std::int32_t> rows{3, 0, 8, 3, 5, 1, 2};
    for (const Index count : {0, 1, 4, 7}) {
      std::vector<float> products(8, 7.0f);
      dots_with_rows(x.data(), stride, rows.data(), count, y.data(), products.data(), width);
      for (Index e = 0; e < count; ++e)
        CHECK(products[e] == dot(y.data(), x.data() + rows[e] * stride, width));
      CHECK(products[count] == 7.0f);
    }
  }
}
