// The bits of an output row depend only on its input and the weights, not on its tile nor on the
// range of the call.
#include "kernels/sparse_rows.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kRows = 29;

// Checks that `multiply(row_begin, row_end, panel_begin, panel_end, y)` has the same bits in one
// call, row by row, and in random divisions of rows and panels.
template <typename Multiply>
void check_cuts(Index panels, Index units, const Multiply& multiply) {
  Matrix whole(kRows, units, units);
  multiply(0, kRows, 0, panels, whole.data());
  for (Index rows_at_once = 1; rows_at_once <= 15; ++rows_at_once) {
    for (Index panels_at_once = 1; panels_at_once <= 5; ++panels_at_once) {
      Matrix tiled(kRows, units, units);
      for (Index row = 0; row < kRows; row += rows_at_once)
        for (Index panel = 0; panel < panels; panel += panels_at_once)
          multiply(row, std::min(kRows, row + rows_at_once), panel,
                   std::min(panels, panel + panels_at_once), tiled.data());
      INFO("units ", units, ": ", rows_at_once, " rows, ", panels_at_once, " panels at once");
      CHECK(same_bits(whole.values, tiled.values));
    }
  }
  RandomGenerator rng(1);
  for (int round = 0; round < 20; ++round) {
    Matrix tiled(kRows, units, units);
    for (Index row = 0; row < kRows;) {
      const Index end = std::min(kRows, row + 1 + rng.below(13));
      for (Index panel = 0; panel < panels;) {
        const Index panel_end = std::min(panels, panel + 1 + rng.below(5));
        multiply(row, end, panel, panel_end, tiled.data());
        panel = panel_end;
      }
      row = end;
    }
    INFO("units ", units, ", random cuts ", round);
    CHECK(same_bits(whole.values, tiled.values));
  }
}

}  // namespace

TEST_CASE("forward_product has the same bits in any tile and any range") {
  RandomGenerator rng(2);
  for (const Index units : {1, 7, 16, 20, 33, 64, 75}) {
    for (const Index depth : {1, 17, 40}) {
      const Matrix x(kRows, depth, depth, rng), w(depth, units, units, rng);
      const Packed packed(w);
      const std::vector<float> bias = rng.vector(units);
      check_cuts(
          packed.shape.panels(), units,
          [&](Index row, Index row_end, Index panel, Index panel_end, float* y) {
            forward_product(
                x.view(), row, row_end, packed.view(), panel, panel_end,
                {.bias = bias.data(), .activation = Activation::kGelu, .y = y, .y_stride = units});
          });
    }
  }
}

TEST_CASE("sparse_forward_product has the same bits in any range") {
  RandomGenerator rng(3);
  for (const Index units : {1, 7, 20, 64, 75}) {
    const Csr x(kRows, 40, 0.3, rng);
    const Matrix w(40, units, units, rng);
    const Packed packed(w);
    check_cuts(packed.shape.panels(), units,
               [&](Index row, Index row_end, Index panel, Index panel_end, float* y) {
                 sparse_forward_product(
                     x.view(), row, row_end, packed.view(), panel, panel_end,
                     {.activation = Activation::kTanh, .y = y, .y_stride = units});
               });
  }
}

TEST_CASE("forward_product has the same bits for a gathered row") {
  RandomGenerator rng(4);
  const Index depth = 23, units = 37;
  const Matrix x(kRows, depth, depth, rng), w(depth, units, units, rng);
  const Packed packed(w);
  Matrix plain(kRows, units, units), gathered(kRows, units, units);
  forward_product(x.view(), 0, kRows, packed.view(), 0, 3, {.y = plain.data(), .y_stride = units});
  std::vector<Index> reversed;
  for (Index i = kRows; i-- > 0;) reversed.push_back(i);
  forward_product(x.view(reversed), 0, kRows, packed.view(), 0, 3,
                  {.y = gathered.data(), .y_stride = units});
  bool is_same = true;
  for (Index i = 0; i < kRows; ++i)
    is_same &= same_bits(&plain.at(i, 0), &gathered.at(kRows - 1 - i, 0), units);
  CHECK(is_same);
}

TEST_CASE("NaN and infinity affect only their own row and column in forward_product") {
  RandomGenerator rng(5);
  const Index depth = 19, units = 37;
  Matrix x(kRows, depth, depth, rng), w(depth, units, units, rng);
  const Packed clean(w);
  Matrix before(kRows, units, units), after(kRows, units, units);
  forward_product(x.view(), 0, kRows, clean.view(), 0, 3, {.y = before.data(), .y_stride = units});
  x.at(8, 4) = NAN;
  w.at(3, 36) = HUGE_VALF;
  const Packed packed(w);
  forward_product(x.view(), 0, kRows, packed.view(), 0, 3, {.y = after.data(), .y_stride = units});
  bool others_are_same = true, all_are_bad = true;
  for (Index i = 0; i < kRows; ++i)
    for (Index j = 0; j < units; ++j) {
      if (i == 8 || j == 36)
        all_are_bad &= !std::isfinite(after.at(i, j));
      else
        others_are_same &= after.at(i, j) == before.at(i, j);
    }
  CHECK(all_are_bad);
  CHECK(others_are_same);
}
