#include "kernels/bfloat16_product.h"

#include "emulated_tiles.h"
#include "kernels/bfloat16_operands.h"
#include "kernels/bfloat16_tiles.h"
#include "quantized.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Makes the weights exact in bfloat16: clears the lower half of their bits. Returns the upper half.
std::vector<std::uint16_t> halve(Matrix& w) {
  std::vector<std::uint16_t> bits;
  for (float& value : w.values) {
    std::uint32_t whole;
    std::memcpy(&whole, &value, sizeof whole);
    bits.push_back(static_cast<std::uint16_t>(whole >> 16));
    whole &= 0xffff0000u;
    std::memcpy(&value, &whole, sizeof whole);
  }
  return bits;
}

struct Problem {
  RandomGenerator rng;
  Matrix x, w;
  PackedBfloat16 packed;
  std::vector<float> bias;

  Problem(Index rows, Index depth, Index units)
      : rng(static_cast<std::uint64_t>(rows * 1000003 + depth * 1009 + units)),
        x(rows, depth, depth + 1, rng),
        w(depth, units, units, rng),
        packed(w, halve(w)),
        bias(rng.vector(units)) {}

  // Computes rows [row, row_end) of y = f(x W + b) in panels [panel, panel_end).
  void multiply(const Epilogue& epilogue, Index row, Index row_end, Index panel, Index panel_end,
                const std::vector<Index>& index = {}) const {
    AlignedBuffer scratch(bfloat16_product_scratch(packed.shape));
    bfloat16_product(x.view(index), row, row_end, packed.view(), panel, panel_end, epilogue,
                     scratch.data());
  }
  void multiply(const Epilogue& epilogue) const {
    multiply(epilogue, 0, x.rows, 0, packed.shape.panels());
  }
  // The sum of row i and unit j, in the order that bfloat16_tile.h describes.
  float ordered(Index i, Index j) const {
    return bfloat16_sum(w.rows, [&](Index k) { return std::pair(x.at(i, k), w.at(k, j)); });
  }
};

}  // namespace

TEST_CASE("bfloat16_product has the described sums for every tail panel, depth and row count") {
  for (const Index units : {1, 4, 15, 16, 17, 33, 65})
    for (const Index depth : {0, 1, 2, 9, 32, 40, 300})
      for (const Index rows : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 50}) {
        const Problem p(rows, depth, units);
        Matrix y(rows, units, units + 3);
        p.multiply({.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
        bool is_same = true;
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < units; ++j) is_same &= y.at(i, j) == p.ordered(i, j) + p.bias[j];
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(is_same);
        CHECK(y.gaps_are_intact());
      }
}

TEST_CASE("bfloat16_product keeps NaN and infinity, and rounds x to nearest even") {
  Problem p(20, 40, 16);
  p.x.at(3, 7) = std::bit_cast<float>(0x7fffffffu);
  p.x.at(4, 8) = HUGE_VALF;
  p.x.at(5, 0) = 0x1.01p0f;  // halfway between 1 and the next bfloat16
  Matrix y(20, 16, 16);
  p.multiply({.y = y.data(), .y_stride = 16});
  for (Index j = 0; j < 16; ++j) {
    CHECK(std::isnan(y.at(3, j)));
    CHECK(std::isinf(y.at(4, j)));
    CHECK(y.at(5, j) == p.ordered(5, j));
  }
  p.x.at(5, 0) = 1;
  Matrix same(20, 16, 16);
  p.multiply({.y = same.data(), .y_stride = 16});
  CHECK(same_bits(&y.at(5, 0), &same.at(5, 0), 16));
}

TEST_CASE("products of tiles have the bits of planes, on emulated tiles") {
  for (const Index units : {1, 16, 33, 64})
    for (const Index depth : {0, 1, 31, 32, 33, 513, 1100})
      for (const Index rows : {0, 1, 15, 16, 17, 33, 70}) {
        const Problem p(rows, depth, units);
        Matrix y(rows, units, units + 3), expected(rows, units, units + 3);
        Epilogue epilogue{.bias = p.bias.data(), .y = expected.data(), .y_stride = y.stride};
        p.multiply(epilogue);
        epilogue.y = y.data();
        const Rows x = p.x.view();
        const Bfloat16Panels w = p.packed.view();
        const ForwardOperands operands{x, w, epilogue};
        using Product = Bfloat16Tiles<EmulatedTiles, ForwardOperands>;
        AlignedBuffer scratch(Product::scratch(depth));
        Product(operands, scratch.data()).run(0, rows / 3, 0, p.packed.shape.panels());
        Product(operands, scratch.data()).run(rows / 3, rows, 0, p.packed.shape.panels());
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(same_bits(y.values, expected.values));
      }
}

TEST_CASE("a row of bfloat16_product has the same bits alone, gathered and in any batch") {
  const Problem p(13, 41, 53);
  Matrix whole(13, 53, 53);
  p.multiply({.y = whole.data(), .y_stride = 53});
  for (Index rows = 1; rows <= 13; ++rows) {
    std::vector<Index> index;
    for (Index i = 0; i < rows; ++i) index.push_back(12 - i);
    Matrix y(rows, 53, 53);
    for (const Index middle : {Index{0}, rows / 2})
      for (const Index panel : {0, 1, 2, 3}) {
        const Epilogue epilogue{.y = y.data(), .y_stride = 53};
        p.multiply(epilogue, 0, middle, panel, panel + 1, index);
        p.multiply(epilogue, middle, rows, panel, panel + 1, index);
      }
    for (Index i = 0; i < rows; ++i) CHECK(same_bits(&y.at(i, 0), &whole.at(12 - i, 0), 53));
  }
}

TEST_CASE("bfloat16_product stores pre-activations and activates them") {
  const Problem p(7, 13, 33);
  Matrix y(7, 33, 34), pre(7, 33, 34);
  p.multiply({.bias = p.bias.data(),
              .activation = Activation::kGelu,
              .y = y.data(),
              .y_stride = 34,
              .pre_activation = pre.data()});
  std::vector<float> activated(33);
  for (Index i = 0; i < 7; ++i) {
    for (Index j = 0; j < 33; ++j) CHECK(pre.at(i, j) == p.ordered(i, j) + p.bias[j]);
    activate_forward(Activation::kGelu, &pre.at(i, 0), activated.data(), 33);
    CHECK(same_bits(activated.data(), &y.at(i, 0), 33));
  }
}

TEST_CASE("sparse_bfloat16_product has the bits of the same dense rows") {
  for (const Index units : {1, 16, 35})
    for (const Index depth : {1, 2, 40, 100})
      for (const Index rows : {0, 1, 5, 9}) {
        const Problem p(rows, depth, units);
        RandomGenerator rng(7);
        const Csr x(rows, depth, 0.4, rng);
        const Matrix dense = x.dense();
        const std::vector<Index> index = rows > 0 ? rng.indices(rows, rows) : std::vector<Index>{};
        Matrix y(rows, units, units + 1);
        sparse_bfloat16_product(x.view(index), 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                                {.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
        Matrix expected(rows, units, units + 1);
        AlignedBuffer scratch(bfloat16_product_scratch(p.packed.shape));
        bfloat16_product(dense.view(index), 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                         {.bias = p.bias.data(), .y = expected.data(), .y_stride = expected.stride},
                         scratch.data());
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(same_bits(y.values, expected.values));
        CHECK(y.gaps_are_intact());
      }
}
