#include "kernels/bfloat16_product.h"

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
};

}  // namespace

TEST_CASE(
    "bfloat16_product agrees with the naive product for every tail panel, depth and row count") {
  for (const Index units : {1, 4, 15, 16, 17, 33, 65})
    for (const Index depth : {0, 1, 2, 9, 40})
      for (Index rows = 0; rows <= 13; ++rows) {
        const Problem p(rows, depth, units);
        Matrix y(rows, units, units + 3);
        bfloat16_product(p.x.view(), 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                         {.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
        WorstError worst;
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < units; ++j)
            worst.see(y.at(i, j), affine(p.x.view().row(i), p.w, p.bias.data(), j));
        INFO("rows ", rows, " depth ", depth, " units ", units, ": ", worst.report());
        CHECK(worst.is_within());
        CHECK(y.gaps_are_intact());
      }
}

TEST_CASE("bfloat16_product has the bits of forward_product with the weights as float32") {
  const Problem p(13, 77, 50);
  const Packed widened(p.w);
  Matrix y(13, 50, 50), expected(13, 50, 50);
  const Epilogue epilogue{.activation = Activation::kSilu, .y = y.data(), .y_stride = 50};
  bfloat16_product(p.x.view(), 0, 13, p.packed.view(), 0, 4, epilogue);
  Epilogue other = epilogue;
  other.y = expected.data();
  forward_product(p.x.view(), 0, 13, widened.view(), 0, 4, other);
  CHECK(same_bits(y.values, expected.values));
}

TEST_CASE("a row of bfloat16_product has the same bits alone, gathered and in any batch") {
  const Problem p(13, 41, 53);
  Matrix whole(13, 53, 53);
  bfloat16_product(p.x.view(), 0, 13, p.packed.view(), 0, 4, {.y = whole.data(), .y_stride = 53});
  for (Index rows = 1; rows <= 13; ++rows) {
    std::vector<Index> index;
    for (Index i = 0; i < rows; ++i) index.push_back(12 - i);
    Matrix y(rows, 53, 53);
    for (const Index middle : {Index{0}, rows / 2})
      for (const Index panel : {0, 1, 2, 3}) {
        const Epilogue epilogue{.y = y.data(), .y_stride = 53};
        bfloat16_product(p.x.view(index), 0, middle, p.packed.view(), panel, panel + 1, epilogue);
        bfloat16_product(p.x.view(index), middle, rows, p.packed.view(), panel, panel + 1,
                         epilogue);
      }
    for (Index i = 0; i < rows; ++i) CHECK(same_bits(&y.at(i, 0), &whole.at(12 - i, 0), 53));
  }
}

TEST_CASE("bfloat16_product stores pre-activations and activates them") {
  const Problem p(7, 13, 33);
  Matrix y(7, 33, 34), pre(7, 33, 34);
  bfloat16_product(p.x.view(), 0, 7, p.packed.view(), 0, 3,
                   {.bias = p.bias.data(),
                    .activation = Activation::kGelu,
                    .y = y.data(),
                    .y_stride = 34,
                    .pre_activation = pre.data()});
  WorstError worst;
  std::vector<float> activated(33);
  for (Index i = 0; i < 7; ++i) {
    for (Index j = 0; j < 33; ++j)
      worst.see(pre.at(i, j), affine(p.x.view().row(i), p.w, p.bias.data(), j));
    activate_forward(Activation::kGelu, &pre.at(i, 0), activated.data(), 33);
    CHECK(same_bits(activated.data(), &y.at(i, 0), 33));
  }
  INFO(worst.report());
  CHECK(worst.is_within());
}

TEST_CASE("sparse_bfloat16_product agrees with the naive product of the same dense rows") {
  for (const Index units : {1, 16, 35})
    for (const Index depth : {1, 2, 40})
      for (const Index rows : {0, 1, 5, 9}) {
        const Problem p(rows, depth, units);
        RandomGenerator rng(7);
        const Csr x(rows, depth, 0.4, rng);
        const Matrix dense = x.dense();
        const std::vector<Index> index = rows > 0 ? rng.indices(rows, rows) : std::vector<Index>{};
        Matrix y(rows, units, units + 1);
        sparse_bfloat16_product(x.view(index), 0, rows, p.packed.view(), 0, p.packed.shape.panels(),
                                {.bias = p.bias.data(), .y = y.data(), .y_stride = y.stride});
        WorstError worst;
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < units; ++j)
            worst.see(y.at(i, j), affine(dense.view(index).row(i), p.w, p.bias.data(), j));
        INFO("rows ", rows, " depth ", depth, " units ", units, ": ", worst.report());
        CHECK(worst.is_within());
        CHECK(y.gaps_are_intact());
      }
}
