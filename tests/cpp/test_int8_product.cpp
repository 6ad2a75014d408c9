#include "kernels/int8_product.h"

#include "emulated_tiles.h"
#include "kernels/amx.h"
#include "kernels/int8_tiles.h"
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
  Index rows, depth, units;
  std::vector<std::int8_t> x;
  std::vector<float> row_scale;
  std::vector<std::int8_t> w;
  PackedInt8 packed;
  std::vector<float> bias;

  Problem(Index rows, Index depth, Index units)
      : rng(static_cast<std::uint64_t>(rows * 1000003 + depth * 1009 + units)),
        rows(rows),
        depth(depth),
        units(units),
        x(static_cast<std::size_t>(rows * depth), 0),
        row_scale(rng.vector(rows, 0.01f, 0.1f)),
        w(make_weights()),
        packed({depth, units}, w, rng.vector(units, 0.01f, 0.1f)),
        bias(rng.vector(units)) {
    for (Index i = 0; i < rows; ++i)
      for (Index k = 0; k < depth; ++k) x[i * depth + k] = random_int8(rng);
  }
  std::vector<std::int8_t> make_weights() {
    std::vector<std::int8_t> values;
    for (Index at = 0; at < depth * units; ++at) values.push_back(random_int8(rng));
    return values;
  }

  std::int64_t sum(Index i, Index j) const {
    std::int64_t total = 0;
    for (Index k = 0; k < depth; ++k) total += x[i * depth + k] * w[k * units + j];
    return total;
  }
  // The integer sum is exact; the float operations after it run in this order.
  float expected(Index i, Index j) const {
    return static_cast<float>(sum(i, j)) * row_scale[i] * packed.scale[j] + bias[j];
  }
  bool is_product(const Matrix& y) const {
    bool is_right = true;
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < units; ++j) is_right &= y.at(i, j) == expected(i, j);
    return is_right;
  }
};

// A problem's rows in the form of a unit.
struct RoundedInput {
  Int8Unit unit;
  Index stride;
  std::vector<std::byte> bytes;
  std::vector<std::int32_t> corrections;
  const std::vector<float>& scales;

  RoundedInput(const Problem& p, Int8Unit unit)
      : unit(unit),
        stride(int8_row_bytes(p.depth, unit)),
        // What tiles read after the last row must not count.
        bytes(static_cast<std::size_t>(int8_rows_bytes(p.rows, p.depth, unit)), std::byte{0x5a}),
        scales(p.row_scale) {
    for (Index i = 0; i < p.rows; ++i)
      corrections.push_back(
          store_int8_row(p.x.data() + i * p.depth, p.depth, unit, bytes.data() + i * stride));
  }
  Int8Rows view(const std::vector<Index>& slot = {}) const {
    return {unit,          bytes.data(),
            stride,        corrections.data(),
            scales.data(), slot.empty() ? nullptr : slot.data()};
  }
};

// The units that this processor has.
std::vector<Int8Unit> units_here() {
  if (has_vnni() && has_amx_int8()) return {Int8Unit::kPairs, Int8Unit::kQuads, Int8Unit::kTiles};
  if (has_vnni()) return {Int8Unit::kPairs, Int8Unit::kQuads};
  return {Int8Unit::kPairs};
}

}  // namespace

TEST_CASE("int8_product has the bits of integer sums for all sizes around a panel's") {
  for (const Int8Unit unit : units_here())
    for (const Index units : {1, 4, 15, 16, 17, 33, 65})
      for (const Index depth : {0, 1, 2, 3, 4, 9, 40, 41})
        for (Index rows = 0; rows <= 13; ++rows) {
          const Problem p(rows, depth, units);
          const RoundedInput x(p, unit);
          Matrix y(rows, units, units + 3);
          int8_product(x.view(), 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                       {.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
          INFO("rows ", rows, " depth ", depth, " units ", units);
          CHECK(p.is_product(y));
          CHECK(y.gaps_are_intact());
        }
}

TEST_CASE("products of tiles have the bits of integer sums, on emulated tiles") {
  for (const Index units : {1, 16, 33, 64})
    for (const Index depth : {0, 1, 4, 62, 64, 65, 200})
      for (const Index rows : {0, 1, 15, 16, 17, 31, 32, 33, 70}) {
        const Problem p(rows, depth, units);
        const RoundedInput x(p, Int8Unit::kTiles);
        const Int8Rows view = x.view();
        const Int8Panels w = p.packed.view();
        Matrix y(rows, units, units + 3);
        const Epilogue epilogue{.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride};
        const Int8TilesProduct<EmulatedTiles> product(view, w, epilogue);
        // In two blocks of rows, as a group's rows are.
        product.run(0, rows / 3, 0, p.packed.shape.panels());
        product.run(rows / 3, rows, 0, p.packed.shape.panels());
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(p.is_product(y));
        CHECK(y.gaps_are_intact());
      }
}

TEST_CASE("int8_product is exact for extreme values at the maximum depth") {
  for (const Int8Unit unit : units_here())
    for (const int value : {127, -127})
      for (const int weight : {127, -127, -128}) {
        const Index depth = kMaxInt8Depth;
        Problem p(2, depth, 3);
        std::fill(p.x.begin(), p.x.end(), static_cast<std::int8_t>(value));
        std::fill(p.w.begin(), p.w.end(), static_cast<std::int8_t>(weight));
        p.packed = PackedInt8({depth, 3}, p.w, {1, 1, 1});
        std::fill(p.row_scale.begin(), p.row_scale.end(), 1.0f);
        const RoundedInput x(p, unit);
        Matrix y(2, 3, 3);
        int8_product(x.view(), 0, 2, p.packed.view(), 0, 1, {.y = y.data(), .y_stride = 3});
        for (const float sum : y.values) CHECK(sum == static_cast<float>(value * weight * depth));
      }
}

TEST_CASE("int8_product takes a row's values and scale from its slot") {
  const Problem p(5, 20, 21);
  const std::vector<Index> slot{3, 0, 3, 4, 1, 1, 2};
  for (const Int8Unit unit : units_here()) {
    const RoundedInput x(p, unit);
    Matrix y(7, 21, 21);
    int8_product(x.view(slot), 0, 3, p.packed.view(), 0, 2,
                 {.bias = p.bias.data(), .y = y.data(), .y_stride = 21});
    int8_product(x.view(slot), 3, 7, p.packed.view(), 0, 2,
                 {.bias = p.bias.data(), .y = y.data(), .y_stride = 21});
    for (Index i = 0; i < 7; ++i)
      for (Index j = 0; j < 21; ++j) CHECK(y.at(i, j) == p.expected(slot[i], j));
  }
}

TEST_CASE("the unit in use is the fastest that the processor has") {
  CHECK(best_int8_unit() == units_here().back());
}

TEST_CASE("sparse_int8_product has the bits of integer sums") {
  for (const Index units : {1, 16, 35})
    for (const Index depth : {1, 2, 41}) {
      RandomGenerator rng(3);
      const Index rows = 6;
      const Problem p(rows, depth, units);
      const Csr csr(rows, depth, 0.5, rng);
      std::vector<std::int8_t> values;
      for (std::size_t at = 0; at < csr.values.size(); ++at) values.push_back(random_int8(rng));
      std::vector<std::int32_t> corrections;
      for (Index i = 0; i < rows; ++i)
        corrections.push_back(
            int8_correction(values.data() + csr.offsets[i], csr.offsets[i + 1] - csr.offsets[i]));
      const std::vector<Index> slot{5, 0, 1, 2, 5, 4};
      const Int8SparseRows x{csr.view(slot),     values.data(),      csr.offsets.data(),
                             corrections.data(), p.row_scale.data(), slot.data()};
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
    std::vector<std::int8_t> values(static_cast<std::size_t>(count) + 1, 99);
    to_int8(x.data(), count, scale, values.data());
    for (Index i = 0; i < count; ++i)
      CHECK(values[i] == static_cast<int>(std::nearbyint(x[i] / scale)));
    CHECK(values[count] == 99);
  }
}

TEST_CASE("a row of zeros or tiny values becomes zero, one with NaN or infinity becomes NaN") {
  for (const float tiny : {0.0f, 1e-37f, -1e-44f}) {
    const std::vector<float> x{tiny, 0, tiny};
    std::vector<std::int8_t> values(3, 99);
    CHECK(int8_scale(x.data(), 3) == 0.0f);
    to_int8(x.data(), 3, 0.0f, values.data());
    CHECK(values == std::vector<std::int8_t>(3, 0));
  }
  Problem p(1, 2, 3);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const std::vector<float> x{1, bad};
    p.row_scale[0] = int8_scale(x.data(), 2);
    to_int8(x.data(), 2, p.row_scale[0], p.x.data());
    CHECK(p.x == std::vector<std::int8_t>(2, 0));
    Matrix y(1, 3, 3);
    const RoundedInput stored(p, best_int8_unit());
    int8_product(stored.view(), 0, 1, p.packed.view(), 0, 1, {.y = y.data(), .y_stride = 3});
    for (const float value : y.values) CHECK(std::isnan(value));
  }
}
