#include "products/sparse_columns.h"

#include <limits>

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Rows of 0 to `max_nonzeros` nonzeros with random columns, unordered, possibly with duplicates.
Csr random_rows(Index rows, Index width, Index max_nonzeros, RandomGenerator& rng) {
  Csr x(0, width, 0, rng);
  x.rows = rows;
  for (Index i = 0; i < rows; ++i) {
    for (Index count = rng.below(max_nonzeros + 1); count > 0; --count) {
      x.columns.push_back(static_cast<std::int32_t>(rng.below(width)));
      x.values.push_back(rng.uniform());
    }
    x.offsets.push_back(static_cast<Index>(x.columns.size()));
  }
  return x;
}

// Whether the group's runs are consecutive ranges of its nonzeros in order of rows, each sorted
// stably by column.
bool is_sorted(const SparseRows& x, const Groups& groups, Index g, const SparseColumns& columns) {
  Index row = groups.begin(g);
  bool is_right = columns.count(g) <= kMaxRuns;
  for (Index r = 0; r < columns.count(g); ++r) {
    const SortedRun& run = columns.begin(g)[r];
    std::vector<Nonzero> expected;
    for (; row < groups.end(g); ++row) {
      const auto num_nonzeros = static_cast<Index>(expected.size());
      if (num_nonzeros == run.end - run.begin && x.end(row) > x.begin(row)) break;
      for (Index at = x.begin(row); at < x.end(row); ++at)
        expected.push_back(
            {x.columns[at], static_cast<std::int32_t>(row - groups.begin(g)), x.values[at]});
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.column < b.column; });
    is_right &= std::equal(expected.begin(), expected.end(), run.begin, run.end,
                           [](const Nonzero& a, const Nonzero& b) {
                             return a.column == b.column && a.row == b.row && a.value == b.value;
                           });
  }
  while (row < groups.end(g) && x.begin(row) == x.end(row)) ++row;
  return is_right && row == groups.end(g);
}

}  // namespace

TEST_CASE("sort_groups sorts each group's nonzeros by column, stable in order of rows") {
  RandomGenerator rng(1);
  // Widths that need one, two and three passes of the sort.
  for (const Index width : {1, 7, 2048, 2049, 50000, 5000000}) {
    const Csr x = random_rows(3000, width, 40, rng);
    const std::vector<Index> index = rng.indices(3000, 3000);
    for (const std::vector<Index>& offsets :
         {std::vector<Index>{0, 3000}, {0, 0, 5, 6, 2000, 2000, 3000, 3000}}) {
      const Groups groups{offsets.data(), static_cast<Index>(offsets.size()) - 1};
      Arena arena;
      const Input input{.sparse = x.view(index), .width = width};
      for (const int count : {1, 3}) {
        const Threads threads(count);
        const SparseColumns columns = sort_groups(input, groups, arena);
        for (Index g = 0; g < groups.count; ++g) {
          INFO("width ", width, " group ", g, " of ", groups.count);
          CHECK(is_sorted(input.sparse, groups, g, columns));
        }
        if (groups.count == 1) CHECK(columns.count(0) > 1);
      }
    }
  }
}

TEST_CASE("sort_groups stops allocating for batches with similar nonzero counts") {
  RandomGenerator rng(2);
  const Csr x = random_rows(20000, 1000, 200, rng);
  const std::vector<Index> offsets{0, 900, 2000};
  Arena arena;
  Index grown = 0;
  for (Index batch = 0; batch < 300; ++batch) {
    const std::vector<Index> index = rng.indices(2000, 20000);
    const std::int64_t before = allocation_counter();
    arena.reset();
    sort_groups({.sparse = x.view(index), .width = 1000}, {offsets.data(), 2}, arena);
    // About 200,000 nonzeros with a standard deviation of 2,600: one margin, or two at a boundary.
    grown += allocation_counter() != before;
  }
  CHECK(grown <= 2);
}

TEST_CASE("rows of very uneven nonzero count have the same bits for any thread count") {
  RandomGenerator rng(3);
  Csr x = random_rows(60, 300, 3, rng);
  for (int nonzero = 0; nonzero < 4000; ++nonzero) {  // the last row has nearly all nonzeros
    x.columns.push_back(static_cast<std::int32_t>(rng.below(300)));
    x.values.push_back(rng.uniform());
  }
  x.offsets.back() = static_cast<Index>(x.columns.size());
  ParameterBlock block;
  const int kernel = block.add_expert_matrix("kernel", 3, 300, 150);
  block.allocate();
  for (Index i = 0; i < block.size(); ++i) block.data()[i] = rng.uniform();
  const std::vector<Index> offsets{0, 20, 20, 60};
  const auto run = [&](int count) {
    const Threads threads(count);
    Matrix y(60, 150, 160);
    grouped_forward({.sparse = x.view(), .width = 300}, {offsets.data(), 3},
                    grouped_weights(block, kernel, -1), {.y = y.data(), .y_stride = 160});
    CHECK(y.gaps_are_intact());
    CHECK(std::find(y.values.begin(), y.values.begin() + 150, kCanary) == y.values.begin() + 150);
    return y.values;
  };
  const std::vector<float> alone = run(1);
  for (const int count : {2, 3, 5}) CHECK(same_bits(run(count), alone));
}

TEST_CASE("find_column_outside returns the position of a column outside the width") {
  for (const Index count : {0, 1, 1023, 1024, 1025, 3000}) {
    std::vector<std::int32_t> columns(static_cast<std::size_t>(count), 6);
    CHECK(find_column_outside(columns.data(), count, 7) == -1);
    for (const Index position : {Index{0}, count / 2, count - 1}) {
      if (position < 0 || position >= count) continue;
      for (const std::int32_t bad : {7, -1, std::numeric_limits<std::int32_t>::min()}) {
        columns[position] = bad;
        CHECK(find_column_outside(columns.data(), count, 7) == position);
        columns[position] = 6;
      }
    }
  }
}
