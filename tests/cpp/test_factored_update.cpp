#include "kernels/factored_update.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// A gradient in one of the layouts, with canaries where no value is.
struct Gradient {
  MatrixPanels matrix;
  std::vector<float> values;
  std::vector<Index> at;  // of value (i, j) at i * cols + j

  Gradient(PanelShape shape, Layout layout, RandomGenerator& rng) : matrix{shape, layout} {
    const Index last = shape.panels() - 1;
    for (Index i = 0; i < shape.rows; ++i)
      for (Index j = 0; j < shape.cols; ++j) {
        const Index panel = j / kPanelWidth;
        at.push_back(matrix.offset(panel) + i * matrix.stride(panel) + j % kPanelWidth);
      }
    const Index floats =
        matrix.offset(last) + (shape.rows - 1) * matrix.stride(last) + shape.width(last);
    values.assign(static_cast<std::size_t>(floats), kCanary);
    for (const Index index : at) values[index] = rng.uniform();
  }
  float operator()(Index i, Index j) const { return values[at[i * matrix.shape.cols + j]]; }
};

// Sums of `count` squares below 1 in float32.
double tolerance(Index count) { return 1e-7 * static_cast<double>(count + 4); }

}  // namespace

TEST_CASE("means of squares and scaled panels agree with sums in double, in both layouts") {
  RandomGenerator rng(1);
  for (const Layout layout : {Layout::kPanels, Layout::kRows})
    for (const Index rows : {1, 2, 7, 33})
      for (Index cols = 1; cols <= 50; cols += cols < 20 ? 1 : 7) {
        const PanelShape shape{rows, cols};
        Gradient g(shape, layout, rng);
        const Gradient before = g;
        const Index panels = shape.panels();
        std::vector<float> row_means(rows), halves(rows), column_means(panels * kPanelWidth);
        row_mean_squares(g.matrix, g.values.data(), 0, rows, row_means.data());
        row_mean_squares(g.matrix, g.values.data(), rows / 2, rows, halves.data());
        row_mean_squares(g.matrix, g.values.data(), 0, rows / 2, halves.data());
        for (Index p = 0; p < panels; ++p)
          column_mean_squares(g.matrix, g.values.data(), p, column_means.data());
        INFO("rows ", rows, " cols ", cols);
        CHECK(same_bits(row_means, halves));
        WorstError worst;
        for (Index i = 0; i < rows; ++i) {
          double sum = 0;
          for (Index j = 0; j < cols; ++j) sum += static_cast<double>(g(i, j)) * g(i, j);
          worst.see(row_means[i], sum / static_cast<double>(cols), tolerance(cols));
        }
        for (Index j = 0; j < cols; ++j) {
          double sum = 0;
          for (Index i = 0; i < rows; ++i) sum += static_cast<double>(g(i, j)) * g(i, j);
          worst.see(column_means[j], sum / static_cast<double>(rows), tolerance(rows));
        }
        const std::vector<float> row_factors = rng.vector(rows);
        const std::vector<float> column_factors = rng.vector(panels * kPanelWidth);
        double square = 0, expected_square = 0;
        for (Index p = 0; p < panels; ++p)
          square +=
              scale_panel(g.matrix, row_factors.data(), column_factors.data(), g.values.data(), p);
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < cols; ++j) {
            const double expected =
                static_cast<double>(before(i, j)) * row_factors[i] * column_factors[j];
            expected_square += expected * expected;
            worst.see(g(i, j), expected, 2e-7);
          }
        worst.see(static_cast<float>(square), expected_square, tolerance(rows * cols));
        INFO(worst.report());
        CHECK(worst.is_within());
        for (std::size_t i = 0; i < g.values.size(); ++i)
          if (before.values[i] == kCanary) CHECK(g.values[i] == kCanary);
      }
}
