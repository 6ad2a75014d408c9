#include "kernels/int8_product.h"

#include "quantized.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

std::int8_t random_int8(RandomGenerator& rng) {
  return static_cast<std::int8_t>(rng.below(255) - 127);
}

// Integer rows and weights with scales.
struct Problem {
  RandomGenerator rng;
  Index rows, depth, units, stride;
  std::vector<std::int16_t> x;
  std::vector<float> row_scale;
  std::vector<std::int8_t> w;
  PackedInt8 packed;
  std::vector<float> bias;

  Problem(Index rows, Index depth, Index units)
      : rng(static_cast<std::uint64_t>(rows * 1000003 + depth * 1009 + units)),
        rows(rows),
        depth(depth),
        units(units),
        stride((depth + 1) / 2 * 2),
        x(static_cast<std::size_t>(rows * stride), 0),
        row_scale(rng.vector(rows, 0.01f, 0.1f)),
        w(make_weights()),
        packed({depth, units}, w, rng.vector(units, 0.01f, 0.1f)),
        bias(rng.vector(units)) {
    for (Index i = 0; i < rows; ++i)
      for (Index k = 0; k < depth; ++k) x[i * stride + k] = random_int8(rng);
  }
  std::vector<std::int8_t> make_weights() {
    std::vector<std::int8_t> values;
    for (Index at = 0; at < depth * units; ++at) values.push_back(random_int8(rng));
    return values;
  }

  Int8Rows view(const std::vector<Index>& slot = {}) const {
    return {x.data(), stride, row_scale.data(), slot.empty() ? nullptr : slot.data()};
  }
  std::int64_t sum(Index i, Index j) const {
    std::int64_t total = 0;
    for (Index k = 0; k < depth; ++k) total += x[i * stride + k] * w[k * units + j];
    return total;
  }
  // The integer sum is exact; the float operations after it run in this order.
  float expected(Index i, Index j) const {
    return static_cast<float>(sum(i, j)) * row_scale[i] * packed.scale[j] + bias[j];
  }
};

}  // namespace

TEST_CASE("int8_product has the bits of integer sums for all sizes around a panel's") {
  for (const Index units : {1, 4, 15, 16, 17, 33, 65})
    for (const Index depth : {0, 1, 2, 9, 40, 41})
      for (Index rows = 0; rows <= 13; ++rows) {
        const Problem p(rows, depth, units);
        Matrix y(rows, units, units + 3);
        int8_product(p.view(), 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                     {.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
        bool is_right = true;
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < units; ++j) is_right &= y.at(i, j) == p.expected(i, j);
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(is_right);
        CHECK(y.gaps_are_intact());
      }
}

TEST_CASE("int8_product is exact for extreme values at the maximum depth") {
  for (const int sign : {1, -1}) {
    Problem p(2, kMaxInt8Depth, 3);
    std::fill(p.x.begin(), p.x.end(), std::int16_t{127});
    p.x.resize(static_cast<std::size_t>(2 * p.stride));
    if (p.depth % 2 == 1)
      for (Index i = 0; i < 2; ++i) p.x[i * p.stride + p.depth] = 0;
    std::fill(p.w.begin(), p.w.end(), static_cast<std::int8_t>(sign * 127));
    p.packed = PackedInt8({p.depth, 3}, p.w, {1, 1, 1});
    std::fill(p.row_scale.begin(), p.row_scale.end(), 1.0f);
    Matrix y(2, 3, 3);
    int8_product(p.view(), 0, 2, p.packed.view(), 0, 1, {.y = y.data(), .y_stride = 3});
    for (const float value : y.values)
      CHECK(value == static_cast<float>(sign * 127 * 127 * kMaxInt8Depth));
  }
}

TEST_CASE("int8_product takes a row's values and scale from its slot") {
  const Problem p(5, 20, 21);
  const std::vector<Index> slot{3, 0, 3, 4, 1, 1, 2};
  Matrix y(7, 21, 21);
  int8_product(p.view(slot), 0, 3, p.packed.view(), 0, 2,
               {.bias = p.bias.data(), .y = y.data(), .y_stride = 21});
  int8_product(p.view(slot), 3, 7, p.packed.view(), 0, 2,
               {.bias = p.bias.data(), .y = y.data(), .y_stride = 21});
  for (Index i = 0; i < 7; ++i)
    for (Index j = 0; j < 21; ++j) CHECK(y.at(i, j) == p.expected(slot[i], j));
}

TEST_CASE("sparse_int8_product has the bits of integer sums") {
  for (const Index units : {1, 16, 35})
    for (const Index depth : {1, 2, 41}) {
      RandomGenerator rng(3);
      const Index rows = 6;
      const Problem p(rows, depth, units);
      const Csr csr(rows, depth, 0.5, rng);
      std::vector<std::int16_t> values;
      for (std::size_t at = 0; at < csr.values.size(); ++at) values.push_back(random_int8(rng));
      const std::vector<Index> slot{5, 0, 1, 2, 5, 4};
      const Int8SparseRows x{csr.view(slot), values.data(), csr.offsets.data(), p.row_scale.data(),
                             slot.data()};
      Matrix y(rows, units, units + 1);
      sparse_int8_product(x, 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                          {.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
      bool is_right = true;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < units; ++j) {
          std::int64_t sum = 0;
          for (Index at = csr.offsets[slot[i]]; at < csr.offsets[slot[i] + 1]; ++at)
            sum += values[at] * p.w[csr.columns[at] * units + j];
          const float expected =
              static_cast<float>(sum) * p.row_scale[slot[i]] * p.packed.scale[j] + p.bias[j];
          is_right &= y.at(i, j) == expected;
        }
      INFO("units ", units, " depth ", depth);
      CHECK(is_right);
      CHECK(y.gaps_are_intact());
    }
}

TEST_CASE("a row is rounded to nearest even in steps of its largest value / 127") {
  for (const Index count : {0, 1, 15, 16, 17, 100}) {
    RandomGenerator rng(static_cast<std::uint64_t>(count));
    std::vector<float> x = rng.vector(count, -3, 3);
    if (count > 4) {
      x[0] = 127;  // so the scale is 1; the following values are ties
      x[1] = 2.5f;
      x[2] = -3.5f;
    }
    float largest = 0;
    for (const float value : x) largest = std::max(largest, std::fabs(value));
    const float scale = int8_scale(x.data(), count);
    CHECK(scale == largest / 127.0f);
    const Index even = (count + 1) / 2 * 2;
    std::vector<std::int16_t> values(static_cast<std::size_t>(even) + 1, 99);
    to_int8(x.data(), count, scale, values.data());
    for (Index i = 0; i < count; ++i)
      CHECK(values[i] == static_cast<int>(std::nearbyint(x[i] / scale)));
    for (Index i = count; i < even; ++i) CHECK(values[i] == 0);
    CHECK(values[even] == 99);
  }
}

TEST_CASE("a row of zeros or tiny values becomes zero, one with NaN or infinity becomes NaN") {
  for (const float tiny : {0.0f, 1e-37f, -1e-44f}) {
    const std::vector<float> x{tiny, 0, tiny};
    std::vector<std::int16_t> values(4, 99);
    CHECK(int8_scale(x.data(), 3) == 0.0f);
    to_int8(x.data(), 3, 0.0f, values.data());
    CHECK(values == std::vector<std::int16_t>(4, 0));
  }
  Problem p(1, 2, 3);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const std::vector<float> x{1, bad};
    p.row_scale[0] = int8_scale(x.data(), 2);
    to_int8(x.data(), 2, p.row_scale[0], p.x.data());
    CHECK(p.x == std::vector<std::int16_t>(2, 0));
    Matrix y(1, 3, 3);
    int8_product(p.view(), 0, 1, p.packed.view(), 0, 1, {.y = y.data(), .y_stride = 3});
    for (const float value : y.values) CHECK(std::isnan(value));
  }
}
