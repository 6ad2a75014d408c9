#include "kernels/forward_product.h"

#include "kernels/block_sizes.h"
#include "kernels/sparse_rows.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

const std::vector<Activation> kElementwise{
    Activation::kLinear, Activation::kRelu,     Activation::kLeakyRelu, Activation::kElu,
    Activation::kSelu,   Activation::kSoftplus, Activation::kSoftsign,  Activation::kGelu,
    Activation::kSilu,   Activation::kTanh,     Activation::kSigmoid,   Activation::kExponential};

struct Case {
  Index rows, depth, units, x_gap, y_gap;
  bool has_bias, is_gathered;
};

std::vector<float> make_bias(const Case& c, RandomGenerator& rng) {
  return c.has_bias ? rng.vector(c.units) : std::vector<float>{};
}

// Compares the whole product of one case with the naive product.
void check_dense(const Case& c) {
  RandomGenerator rng(static_cast<std::uint64_t>(c.rows * 1000003 + c.depth * 1009 + c.units));
  const Index stored = c.is_gathered ? c.rows + 3 : c.rows;
  const Matrix x(stored, c.depth, c.depth + c.x_gap, rng);
  const Matrix w(c.depth, c.units, c.units, rng);
  const Packed packed(w);
  const std::vector<float> bias = make_bias(c, rng);
  const std::vector<Index> index =
      c.is_gathered ? rng.indices(c.rows, stored) : std::vector<Index>{};
  const Rows rows = x.view(index);
  Matrix y(c.rows, c.units, c.units + c.y_gap);

  forward_product(
      rows, 0, c.rows, packed.view(), 0, packed.shape.panels(),
      {.bias = c.has_bias ? bias.data() : nullptr, .y = y.data(), .y_stride = y.stride});

  WorstError worst;
  for (Index i = 0; i < c.rows; ++i)
    for (Index j = 0; j < c.units; ++j)
      worst.see(y.at(i, j), affine(rows.row(i), w, c.has_bias ? bias.data() : nullptr, j));
  INFO("rows ", c.rows, " depth ", c.depth, " units ", c.units, ": ", worst.report());
  CHECK(worst.is_within());
  CHECK(y.gaps_are_intact());
}

}  // namespace

TEST_CASE("forward_product agrees with the naive product for every tail panel and depth") {
  for (Index units = 1; units <= 35; ++units)
    for (Index depth = 1; depth <= 40; ++depth)
      check_dense({.rows = 1 + (units * 7 + depth) % 17,
                   .depth = depth,
                   .units = units,
                   .x_gap = depth % 3,
                   .y_gap = units % 4,
                   .has_bias = depth % 2 == 0,
                   .is_gathered = false});
}

TEST_CASE("forward_product agrees with the naive product for every row count") {
  for (Index rows = 0; rows <= 33; ++rows)
    for (const Index units : sizes_around_registers())
      for (const Index depth : {1, 9, 40})
        check_dense({.rows = rows,
                     .depth = depth,
                     .units = units,
                     .x_gap = 1,
                     .y_gap = 3,
                     .has_bias = units % 2 == 1,
                     .is_gathered = false});
}

TEST_CASE("forward_product gathers rows by index") {
  for (const Index rows : {1, 2, 5, 6, 7, 12, 13, 25})
    for (const Index units : sizes_around_registers())
      check_dense({.rows = rows,
                   .depth = 11,
                   .units = units,
                   .x_gap = 2,
                   .y_gap = 1,
                   .has_bias = true,
                   .is_gathered = true});
}

TEST_CASE("forward_product of deep rows has the bits of single rows") {
  for (const Index depth : {depth_block() + 1, 2 * depth_block() + 37})
    for (const auto& [rows, units] : {std::pair<Index, Index>{24, 128}, {53, 150}, {301, 175}}) {
      RandomGenerator rng(static_cast<std::uint64_t>(depth + rows));
      const Matrix x(rows + 3, depth, depth + 5, rng), w(depth, units, units, rng);
      const Packed packed(w);
      const std::vector<float> bias = rng.vector(units);
      const std::vector<Index> index = rng.indices(rows, rows + 3);
      const Rows view = x.view(index);
      Matrix y(rows, units, units + 3), pre(rows, units, units + 3);
      Matrix one(1, units, units + 3), one_pre(1, units, units + 3);
      Epilogue epilogue{.bias = bias.data(),
                        .activation = Activation::kGelu,
                        .y = y.data(),
                        .y_stride = y.stride,
                        .pre_activation = pre.data()};
      std::vector<float> scratch(static_cast<std::size_t>(forward_scratch(packed.shape)));
      CHECK(!scratch.empty());
      forward_product(view, 0, rows, packed.view(), 0, packed.shape.panels(), epilogue,
                      scratch.data());
      epilogue.y = one.data();
      epilogue.pre_activation = one_pre.data();
      for (Index i = 0; i < rows; ++i) {
        forward_product(view.from(i), 0, 1, packed.view(), 0, packed.shape.panels(), epilogue);
        CHECK(same_bits(&y.at(i, 0), &one.at(0, 0), units));
        CHECK(same_bits(&pre.at(i, 0), &one_pre.at(0, 0), units));
      }
      CHECK(y.gaps_are_intact());
      CHECK(pre.gaps_are_intact());
    }
}

TEST_CASE("forward_product with depth 0 returns the bias") {
  const Packed packed(PanelShape{0, 5});
  const std::vector<float> bias{1, 2, 3, 4, 5};
  Matrix y(2, 5, 7);
  forward_product({nullptr, 0, nullptr}, 0, 2, packed.view(), 0, 1,
                  {.bias = bias.data(), .y = y.data(), .y_stride = 7});
  for (Index i = 0; i < 2; ++i) CHECK(same_bits(&y.at(i, 0), bias.data(), 5));
  CHECK(y.gaps_are_intact());
}

TEST_CASE("forward_product stores pre-activations and activates them") {
  RandomGenerator rng(3);
  for (const Activation kind : kElementwise) {
    for (const Index units : {1, 4, 15, 16, 17, 33}) {
      const Index rows = 7, depth = 13;
      const Matrix x(rows, depth, depth, rng), w(depth, units, units, rng);
      const Packed packed(w);
      const std::vector<float> bias = rng.vector(units);
      Matrix y(rows, units, units + 2), pre(rows, units, units + 2), alone(rows, units, units + 2);
      Epilogue epilogue{.bias = bias.data(),
                        .activation = kind,
                        .y = y.data(),
                        .y_stride = y.stride,
                        .pre_activation = pre.data()};
      forward_product(x.view(), 0, rows, packed.view(), 0, packed.shape.panels(), epilogue);
      epilogue.y = alone.data();
      epilogue.pre_activation = nullptr;
      forward_product(x.view(), 0, rows, packed.view(), 0, packed.shape.panels(), epilogue);

      WorstError worst;
      std::vector<float> activated(static_cast<std::size_t>(units));
      bool is_activation = true;
      for (Index i = 0; i < rows; ++i) {
        for (Index j = 0; j < units; ++j)
          worst.see(pre.at(i, j), affine(x.view().row(i), w, bias.data(), j));
        activate_forward(kind, &pre.at(i, 0), activated.data(), units);
        is_activation &= same_bits(activated.data(), &y.at(i, 0), units);
      }
      INFO("activation ", static_cast<int>(kind), " units ", units, ": ", worst.report());
      CHECK(worst.is_within());
      CHECK(is_activation);
      CHECK(same_bits(y.values, alone.values));
      CHECK(y.gaps_are_intact());
      CHECK(pre.gaps_are_intact());
    }
  }
}

TEST_CASE("forward_product writes only the panels and rows of its ranges") {
  RandomGenerator rng(5);
  const Index rows = 14, depth = 9, units = 53;
  const Matrix x(rows, depth, depth, rng), w(depth, units, units, rng);
  const Packed packed(w);
  Matrix whole(rows, units, units);
  forward_product(x.view(), 0, rows, packed.view(), 0, 4, {.y = whole.data(), .y_stride = units});
  for (Index first = 0; first < 4; ++first) {
    for (Index last = first; last <= 4; ++last) {
      Matrix y(rows, units, units);
      forward_product(x.view(), 2, 13, packed.view(), first, last,
                      {.y = y.data(), .y_stride = units});
      bool is_right = true;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < units; ++j) {
          const bool is_inside = i >= 2 && i < 13 && j >= 16 * first && j < 16 * last;
          is_right &= y.at(i, j) == (is_inside ? whole.at(i, j) : kCanary);
        }
      INFO("panels ", first, " to ", last);
      CHECK(is_right);
    }
  }
}

TEST_CASE("sparse_forward_product agrees with the naive product of the same dense rows") {
  for (Index units = 1; units <= 35; ++units) {
    for (const Index depth : {1, 2, 16, 40}) {
      for (const Index rows : {0, 1, 5, 9}) {
        RandomGenerator rng(static_cast<std::uint64_t>(units * 100 + depth + rows));
        const Csr x(rows, depth, 0.4, rng);
        const Matrix dense = x.dense();
        const Matrix w(depth, units, units, rng);
        const Packed packed(w);
        const std::vector<float> bias = rng.vector(units);
        const std::vector<Index> index =
            rows > 0 && depth % 2 == 0 ? rng.indices(rows, rows) : std::vector<Index>{};
        Matrix y(rows, units, units + 1);
        sparse_forward_product(x.view(index), 0, rows, packed.view(), 0, packed.shape.panels(),
                               {.bias = bias.data(),
                                .activation = Activation::kRelu,
                                .y = y.data(),
                                .y_stride = y.stride});
        WorstError worst;
        for (Index i = 0; i < rows; ++i) {
          for (Index j = 0; j < units; ++j) {
            Sum sum = affine(dense.view(index).row(i), w, bias.data(), j);
            sum.value = std::max(sum.value, 0.0);
            worst.see(y.at(i, j), sum);
          }
        }
        INFO("rows ", rows, " depth ", depth, " units ", units, ": ", worst.report());
        CHECK(worst.is_within());
        CHECK(y.gaps_are_intact());
      }
    }
  }
}

TEST_CASE("sparse_forward_product adds duplicate columns") {
  const std::vector<Index> offsets{0, 3};
  const std::vector<std::int32_t> columns{1, 0, 1};
  const std::vector<float> values{2, 3, 4};
  Packed w(PanelShape{2, 3});
  w.at(0, 1) = 10;
  w.at(1, 1) = 1;
  Matrix y(1, 3, 3);
  sparse_forward_product({offsets.data(), columns.data(), values.data(), nullptr}, 0, 1, w.view(),
                         0, 1, {.y = y.data(), .y_stride = 3});
  CHECK(y.at(0, 0) == 0.0f);
  CHECK(y.at(0, 1) == 36.0f);
}
