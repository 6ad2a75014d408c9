#include "kernels/constrain.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Rows of the groups of `size` consecutive rows.
std::vector<Index> rows_in_order(Index rows) {
  std::vector<Index> order(static_cast<std::size_t>(rows));
  for (Index i = 0; i < rows; ++i) order[i] = i;
  return order;
}

// The norm of each group after the constraint, by plain sums over natural coordinates.
std::vector<double> group_norms(const Constraint& constraint, const std::vector<float>& w,
                                Index cols) {
  std::vector<double> norms;
  for (Index g = 0; g < constraint.num_groups(); ++g)
    for (Index j = 0; j < (constraint.by_column ? cols : 1); ++j) {
      double square = 0;
      for (Index i = 0; i < constraint.group_rows; ++i) {
        const Index row = constraint.rows[g * constraint.group_rows + i];
        for (Index c = 0; c < cols; ++c)
          if (!constraint.by_column || c == j) square += w[row * cols + c] * w[row * cols + c];
      }
      norms.push_back(std::sqrt(square));
    }
  return norms;
}

struct Stored {
  PanelShape shape;
  Layout layout;

  Index at(Index row, Index col) const {
    if (layout == Layout::kRows) return row * round_up(shape.cols, kPanelWidth) + col;
    const Index panel = col / kPanelWidth;
    return shape.offset(panel) + row * shape.stride(panel) + col % kPanelWidth;
  }
  Index floats() const {
    return layout == Layout::kRows ? shape.rows * round_up(shape.cols, kPanelWidth)
                                   : shape.floats();
  }
};

std::vector<float> constrained(const Constraint& constraint, const std::vector<float>& w,
                               const Stored& stored) {
  const auto [rows, cols] = stored.shape;
  std::vector<float> packed(static_cast<std::size_t>(stored.floats()), 0.0f);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) packed[stored.at(i, j)] = w[i * cols + j];
  for (Index part = 0; part < num_constrained_parts(constraint, stored.shape); ++part)
    constrain(constraint, packed.data(), stored.shape, stored.layout, part);
  std::vector<float> result(w.size());
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) result[i * cols + j] = packed[stored.at(i, j)];
  // Padding stays 0.
  const auto is_set = [](float value) { return value != 0; };
  CHECK(std::count_if(packed.begin(), packed.end(), is_set) ==
        std::count_if(result.begin(), result.end(), is_set));
  return result;
}

}  // namespace

TEST_CASE("constraints bound the norms of columns, of groups of rows and of whole matrices") {
  RandomGenerator rng(3);
  for (const Layout layout : {Layout::kPanels, Layout::kRows})
    for (const Index cols : {1, 5, 16, 37}) {
      const PanelShape shape{12, cols};
      const std::vector<float> w = rng.vector(shape.rows * cols);
      for (const bool by_column : {true, false})
        for (const Index group_rows : {1, 4, 12}) {
          Constraint constraint{.kind = ConstraintKind::kNorm,
                                .rows = rows_in_order(12),
                                .group_rows = group_rows,
                                .by_column = by_column,
                                .min_norm = 0.5f,
                                .max_norm = 0.9f,
                                .rate = 0.75f};
          std::swap(constraint.rows[1], constraint.rows[9]);  // groups need not be consecutive
          const std::vector<double> before = group_norms(constraint, w, cols);
          const auto found = constrained(constraint, w, {shape, layout});
          const std::vector<double> after = group_norms(constraint, found, cols);
          for (std::size_t g = 0; g < after.size(); ++g) {
            const double bounded = std::clamp(before[g], 0.5, 0.9);
            const double shrunk = before[g] / (before[g] + 1e-7);
            const double expected = (0.75 * bounded + 0.25 * before[g]) * shrunk;
            CHECK(after[g] == doctest::Approx(expected).epsilon(1e-6));
          }
          for (std::size_t i = 0; i < w.size(); ++i) CHECK((found[i] > 0) == (w[i] > 0));
        }
    }
}

TEST_CASE("NonNeg clears negative weights and keeps NaN") {
  const Constraint constraint{.kind = ConstraintKind::kNonNegative};
  const std::vector<float> w{-1.0f, 2.0f, NAN, -0.0f, 3.0f, -5.0f};
  for (const Layout layout : {Layout::kPanels, Layout::kRows}) {
    const auto found = constrained(constraint, w, {{2, 3}, layout});
    CHECK(found[0] == 0);
    CHECK(found[1] == 2);
    CHECK(std::isnan(found[2]));
    CHECK(found[4] == 3);
    CHECK(found[5] == 0);
  }
}
