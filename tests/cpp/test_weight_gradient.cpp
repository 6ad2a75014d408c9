#include "kernels/weight_gradient.h"

#include "kernels/sparse_rows.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

struct Case {
  Index rows, depth, units;
  bool is_gathered;
};

// Runs `update` on a zero matrix with a unit SGD step and with kStore. Checks both against the
// gradient x^T d_y, and that the padding stays zero.
template <typename Update>
void check_both_targets(const Case& c, const Rows& x, const Matrix& d_y, const Update& update) {
  Packed weights(PanelShape{c.depth, c.units}), stored(PanelShape{c.depth, c.units});
  update(unit_sgd(weights.buffer.data()));
  update(store(stored.buffer.data()));
  WorstError worst;
  bool both_agree = true;
  for (Index j = 0; j < c.depth; ++j) {
    for (Index u = 0; u < c.units; ++u) {
      Sum sum;
      for (Index i = 0; i < c.rows; ++i) sum.add(x.row(i)[j], d_y.at(i, u));
      worst.see(stored.at(j, u), sum);
      both_agree &= weights.at(j, u) == -stored.at(j, u);
    }
  }
  INFO("rows ", c.rows, " depth ", c.depth, " units ", c.units, ": ", worst.report());
  CHECK(worst.is_within());
  CHECK(both_agree);
  CHECK(weights.padding_is_zero());
  CHECK(stored.padding_is_zero());
}

// weight_gradient of units [begin, end) with its scratch.
void run(const Rows& x, const Matrix& d_y, Index row_begin, Index row_end, PanelShape shape,
         Index begin, Index end, const UpdateTarget& target) {
  AlignedBuffer scratch(weight_gradient_scratch(shape, row_end - row_begin));
  weight_gradient(x, d_y.data(), d_y.stride, row_begin, row_end, shape, begin, end, target,
                  scratch.data());
}

void check_dense(const Case& c) {
  RandomGenerator rng(static_cast<std::uint64_t>(c.rows * 1000003 + c.depth * 1009 + c.units));
  const Matrix x(c.rows + 1, c.depth, c.depth + 1, rng);
  const Matrix d_y(c.rows, c.units, c.units + c.depth % 3, rng);
  const std::vector<Index> index =
      c.is_gathered ? rng.indices(c.rows, c.rows + 1) : std::vector<Index>{};
  const PanelShape shape{c.depth, c.units};
  check_both_targets(c, x.view(index), d_y, [&](const UpdateTarget& target) {
    run(x.view(index), d_y, 0, c.rows, shape, 0, gradient_units(shape), target);
  });
}

}  // namespace

TEST_CASE("weight_gradient agrees with the naive product for every tail panel and depth") {
  for (Index units = 1; units <= 35; ++units)
    for (Index depth = 1; depth <= 40; ++depth)
      check_dense({.rows = (units + depth * 3) % 12,
                   .depth = depth,
                   .units = units,
                   .is_gathered = depth % 2 == 0});
}

TEST_CASE("weight_gradient agrees with the naive product for every row count") {
  for (Index rows = 0; rows <= 33; ++rows)
    for (const Index units : sizes_around_registers())
      check_dense({.rows = rows, .depth = 7, .units = units, .is_gathered = false});
}

TEST_CASE(
    "weight_gradient agrees with the naive product when the gradient is collected in chunks") {
  // 12 tiles of 3, 6 or 12 rows are updated at once.
  for (const Index depth : {35, 36, 37, 71, 72, 73, 143, 144, 145, 300})
    for (const Index units : {1, 9, 16, 21})
      check_dense({.rows = 5, .depth = depth, .units = units, .is_gathered = false});
}

TEST_CASE("weight_gradient agrees with the naive product of many rows, packed block by block") {
  for (const Index rows : {63, 64, 65, 255, 256, 257, 600})
    for (const Index units : {1, 9, 16, 21, 35})
      check_dense({.rows = rows, .depth = 77, .units = units, .is_gathered = true});
  for (const Index depth : {503, 504, 505, 513, 1030})
    for (const Index rows : {64, 300})
      check_dense({.rows = rows, .depth = depth, .units = 19, .is_gathered = true});
}

TEST_CASE("weight_gradient has the bits of a sequential sum over rows") {
  // The reference is one sequential sum of fused multiply-adds.
  RandomGenerator rng(6);
  const PanelShape shape{40, 21};
  const Index rows = 300;
  const Matrix x(rows, 40, 40, rng), d_y(rows, 21, 21, rng);
  Packed packed(shape), sequential(shape);
  run(x.view(), d_y, 0, rows, shape, 0, gradient_units(shape), store(packed.buffer.data()));
  for (Index j = 0; j < 40; ++j)
    for (Index u = 0; u < 21; ++u) {
      float sum = 0;
      for (Index i = 0; i < rows; ++i) sum = std::fma(x.at(i, j), d_y.at(i, u), sum);
      sequential.at(j, u) = sum;
    }
#if defined(__FMA__)
  CHECK(same_bits(packed.buffer.data(), sequential.buffer.data(), packed.buffer.size()));
#endif
  CHECK(packed.padding_is_zero());
}

TEST_CASE(
    "weight_gradient sums only the rows of its range and updates only the tiles of its range") {
  RandomGenerator rng(4);
  const PanelShape shape{23, 37};
  const Matrix x(10, 23, 23, rng), d_y(10, 37, 40, rng);
  const Index tiles = gradient_units(shape) / 3, last = std::min<Index>(tiles, 3);
  for (Index panel = 0; panel < 3; ++panel) {
    Packed weights(shape);
    for (Index i = 0; i < weights.buffer.size(); ++i) weights.buffer.data()[i] = 0.5f;
    run(x.view(), d_y, 2, 7, shape, panel * tiles + 1, panel * tiles + last,
        unit_sgd(weights.buffer.data()));
    WorstError worst;
    bool others_are_intact = true;
    for (Index j = 0; j < 23; ++j) {
      for (Index u = 0; u < 37; ++u) {
        if (j < kGradientUnitRows || j >= last * kGradientUnitRows || u / 16 != panel) {
          others_are_intact &= weights.at(j, u) == 0.5f;
          continue;
        }
        Sum sum;
        sum.add(0.5);
        for (Index i = 2; i < 7; ++i) sum.add(-x.at(i, j), d_y.at(i, u));
        worst.see(weights.at(j, u), sum);
      }
    }
    INFO("panel ", panel, ": ", worst.report());
    CHECK(worst.is_within());
    CHECK(others_are_intact);
  }
}

TEST_CASE("weight_gradient has the same bits however its units are divided") {
  RandomGenerator rng(5);
  const PanelShape shape{129, 37};
  const Index units = gradient_units(shape);
  for (const Index rows : {15, 100, 300}) {
    const Matrix x(rows, 129, 129, rng), d_y(rows, 37, 37, rng);
    Packed whole(shape);
    run(x.view(), d_y, 0, rows, shape, 0, units, store(whole.buffer.data()));
    for (const Index step : {1, 2, 7, 30}) {
      Packed tiled(shape);
      for (Index unit = 0; unit < units; unit += step)
        run(x.view(), d_y, 0, rows, shape, unit, std::min(units, unit + step),
            store(tiled.buffer.data()));
      INFO("rows ", rows, " step ", step);
      CHECK(same_bits(whole.buffer.data(), tiled.buffer.data(), whole.buffer.size()));
    }
  }
}

TEST_CASE("sparse_weight_gradient agrees with the naive product of the same dense rows") {
  for (Index units = 1; units <= 35; ++units) {
    for (const Index depth : {1, 5, 40, 145}) {
      const Case c{.rows = units % 11, .depth = depth, .units = units, .is_gathered = false};
      RandomGenerator rng(static_cast<std::uint64_t>(depth * 64 + units));
      const Csr x(c.rows, depth, 0.4, rng);
      const Matrix dense = x.dense();
      const Matrix d_y(c.rows, units, units + 1, rng);
      // Two ranges of rows; the first may be empty.
      const Index cut = c.rows / 3, first = x.offsets[cut];
      std::vector<Nonzero> sorted(x.values.size()), scratch(x.values.size());
      const SortedRun runs[] = {
          sort_by_column(x.view(), 0, cut, 0, depth, sorted.data(), scratch.data()),
          sort_by_column(x.view(), cut, c.rows, 0, depth, sorted.data() + first, scratch.data())};
      const PanelShape shape{depth, units};
      check_both_targets(c, dense.view(), d_y, [&](const UpdateTarget& target) {
        for (const auto& [begin, end] : {std::pair<Index, Index>{0, depth / 2}, {depth / 2, depth}})
          sparse_weight_gradient(runs, 2, d_y.data(), d_y.stride, shape, 0, shape.panels(), begin,
                                 end, target);
      });
    }
  }
}

TEST_CASE("bias_gradient agrees with the naive column sum and updates only its columns") {
  for (Index units = 1; units <= 35; ++units) {
    for (const Index rows : {0, 1, 6, 17}) {
      RandomGenerator rng(static_cast<std::uint64_t>(rows * 64 + units));
      const Matrix d_y(rows, units, units + 2, rng);
      const Index end = std::max<Index>(1, units - units / 16);
      std::vector<float> weights(static_cast<std::size_t>(units), 0.0f), stored = weights;
      bias_gradient(d_y.data(), d_y.stride, 0, rows, 0, end, unit_sgd(weights.data()));
      bias_gradient(d_y.data(), d_y.stride, 0, rows, 0, end, store(stored.data()));
      WorstError worst;
      bool both_agree = true;
      for (Index u = 0; u < units; ++u) {
        Sum sum;
        for (Index i = 0; i < rows && u < end; ++i) sum.add(d_y.at(i, u));
        worst.see(stored[u], sum);
        both_agree &= weights[u] == -stored[u];
      }
      INFO("rows ", rows, " units ", units, ": ", worst.report());
      CHECK(worst.is_within());
      CHECK(both_agree);
    }
  }
}
