#include "kernels/selection/screen.h"

#include <array>

#include "core/flush_to_zero.h"
#include "encoder.h"
#include "kernels/bfloat16.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Candidate lists of rows with the given capacity.
struct Lists {
  std::vector<Candidate> lists;
  std::vector<std::int32_t> counts;
  std::vector<float> bounds;
  Index capacity;

  Lists(Index rows, Index capacity)
      : lists(static_cast<std::size_t>(rows * capacity)),
        counts(static_cast<std::size_t>(rows)),
        bounds(static_cast<std::size_t>(rows)),
        capacity(capacity) {}
  Candidates view() { return {lists.data(), counts.data(), bounds.data(), capacity}; }
  std::vector<std::uint64_t> keys(Index row) const {
    std::vector<std::uint64_t> result;
    for (std::int32_t at = 0; at < counts[row]; ++at)
      result.push_back(lists[row * capacity + at].key());
    return result;
  }
};

// Checks that rows from `row_begin` have the same candidates with and without a screen.
void check_same(const Encoder& encoder, const float* lower_bounds, float threshold, Index k,
                Index capacity, Index row_begin = 0) {
  const Rows x{encoder.x.data(), encoder.shape.rows};
  const ColumnTerms terms{.bias = encoder.bias.data(), .lower_bounds = lower_bounds};
  AlignedBuffer scratch(screen_floats(encoder.rows - row_begin, encoder.shape.rows));
  const auto find = [&](ScreenKind kind) {
    Lists lists(encoder.rows, capacity);
    begin_candidates(encoder.rows, threshold, lists.view());
    top_k_product(x, row_begin, encoder.rows, {encoder.panels.data(), encoder.shape}, terms, 0,
                  encoder.shape.panels(), k, lists.view(), {kind, scratch.data()});
    return lists;
  };
  const Lists plain = find(ScreenKind::kNone);
  for (const ScreenKind kind : {ScreenKind::kInt16, ScreenKind::kMatrix}) {
    const Lists screened = find(kind);
    for (Index i = 0; i < encoder.rows; ++i) {
      REQUIRE(screened.keys(i) == plain.keys(i));
      if (screened.counts[i] > 0) REQUIRE(screened.bounds[i] == plain.bounds[i]);
    }
  }
}

void check_same(const Encoder& encoder, Index k, float threshold) {
  RandomGenerator rng(3);
  const std::vector<float> lower_bounds = rng.vector(encoder.shape.cols, -2, 4);
  check_same(encoder, nullptr, threshold, k, candidate_capacity(k));
  check_same(encoder, nullptr, threshold, k, full_capacity(encoder.shape.cols));
  check_same(encoder, lower_bounds.data(), -kInfinity, k, full_capacity(encoder.shape.cols));
  check_same(encoder, lower_bounds.data(), threshold, k, candidate_capacity(k), encoder.rows / 2);
}

}  // namespace

TEST_CASE("a matrix unit returns the sums of products of bfloat16 values") {
  RandomGenerator rng(1);
  for (const Index steps : {1, 2, 5}) {
    const Index depth = steps * kScreenDepth;
    std::vector<std::uint16_t> rows(static_cast<std::size_t>(steps * kScreenStep));
    std::vector<std::uint16_t> panels(rows.size());
    for (std::uint16_t& value : rows) value = to_bfloat16(rng.uniform());
    for (std::uint16_t& value : panels) value = to_bfloat16(rng.uniform());
    ScreenSums sums;
    MatrixUnit().multiply({rows.data(), panels.data(), steps}, sums);
    double worst = 0;
    for (Index p = 0; p < kScreenPanels; ++p)
      for (Index r = 0; r < kScreenRows; ++r)
        for (Index lane = 0; lane < kPanelWidth; ++lane) {
          double exact = 0, sizes = 0;
          for (Index k = 0; k < depth; ++k) {
            const double product =
                double{from_bfloat16(rows[MatrixUnit::row_offset(r, k, steps)])} *
                from_bfloat16(panels[MatrixUnit::column_offset(p, k, lane, steps)]);
            exact += product;
            sizes += std::fabs(product);
          }
          worst = std::max(worst, std::fabs(sums.values[p][r][lane] - exact) / sizes);
        }
    CHECK(worst <= 2 * static_cast<double>(depth) * kHalfUlp);
  }
}

TEST_CASE("an int16 unit returns exact sums of products of integers") {
  RandomGenerator rng(2);
  for (const Index steps : {1, 3}) {
    const auto integers = [&] {
      std::vector<std::uint16_t> values(static_cast<std::size_t>(steps * kScreenStep));
      for (std::uint16_t& value : values)
        value = static_cast<std::uint16_t>(static_cast<std::int16_t>(3000 * rng.uniform()));
      return values;
    };
    const std::vector<std::uint16_t> rows = integers(), panels = integers();
    const auto at = [](const std::vector<std::uint16_t>& values, Index offset) {
      return static_cast<std::int16_t>(values[offset]);
    };
    ScreenSums sums;
    Int16Unit().multiply({rows.data(), panels.data(), steps}, sums);
    Index wrong = 0;
    for (Index p = 0; p < kScreenPanels; ++p)
      for (Index r = 0; r < kScreenRows; ++r)
        for (Index lane = 0; lane < kPanelWidth; ++lane) {
          std::int32_t exact = 0;
          for (Index k = 0; k < steps * kScreenDepth; ++k)
            exact += at(rows, Int16Unit::row_offset(r, k, steps)) *
                     at(panels, Int16Unit::column_offset(p, k, lane, steps));
          wrong += sums.values[p][r][lane] != static_cast<float>(exact);
        }
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("the layout of a unit's rows and panels has a distinct offset for each value",
                   Unit, MatrixUnit, Int16Unit) {
  constexpr Index kSteps = 3;
  const std::vector<int> once(kSteps * kScreenStep, 1);
  std::vector<int> of_rows(once.size()), of_panels(once.size());
  for (Index k = 0; k < kSteps * kScreenDepth; ++k)
    for (Index at = 0; at < kScreenRows; ++at) {
      ++of_rows[Unit::row_offset(at, k, kSteps)];
      ++of_panels[Unit::column_offset(at / kPanelWidth, k, at % kPanelWidth, kSteps)];
    }
  CHECK(of_rows == once);
  CHECK(of_panels == once);
}

TEST_CASE("the unit of a screen follows from the level and the processor") {
#if defined(__AVX512F__)
  const bool has_int16 = __builtin_cpu_supports("avx512vnni") != 0;
#elif defined(__AVX2__)
  const bool has_int16 = true;
#else
  const bool has_int16 = false;
#endif
  CHECK(Int16Unit::is_available() == has_int16);
  CHECK(best_screen() == (MatrixUnit::is_available() ? ScreenKind::kMatrix
                          : has_int16                ? ScreenKind::kInt16
                                                     : ScreenKind::kNone));
}

TEST_CASE("a screen changes no candidates for any shape and bound") {
  for (const auto& [rows, depth, columns] : {std::array<Index, 3>{1, 5, 20},
                                             {33, 64, 100},
                                             {70, 130, 331},
                                             {100, 31, 45},
                                             {65, 1, 700},
                                             {129, 97, 16}}) {
    const Encoder encoder(rows, depth, columns, static_cast<std::uint64_t>(rows));
    for (const Index k : {1, 7, 40})
      for (const float threshold : {0.0f, 0.7f, 3.0f, 1e6f}) check_same(encoder, k, threshold);
  }
}

TEST_CASE("columns that differ by less than bfloat16 resolution are distinguished") {
  Encoder encoder(64, 96, 400, 8);
  RandomGenerator rng(9);
  const std::vector<float> one = rng.vector(96);
  std::vector<float> w(96 * 400);
  for (Index k = 0; k < 96; ++k)
    for (Index j = 0; j < 400; ++j) w[k * 400 + j] = one[k] * (1 + 1e-5f * rng.uniform());
  pack_panels(w.data(), encoder.shape, encoder.panels.data());
  std::fill(encoder.bias.begin(), encoder.bias.end(), 0.0f);
  for (const Index k : {1, 3}) check_same(encoder, k, 0);
}

TEST_CASE("a screen's error bound holds for rounding in one direction") {
  // Each row and column repeats one value: all products have the same error, and columns grow.
  for (Index depth = 90; depth < 130; ++depth) {
    Encoder encoder(40, depth, 288, 8);
    for (Index i = 0; i < 40; ++i)
      std::fill_n(encoder.x.begin() + i * depth, depth, 1 + 0.007f * static_cast<float>(i));
    std::vector<float> w(static_cast<std::size_t>(depth * 288));
    for (Index k = 0; k < depth; ++k)
      for (Index j = 0; j < 288; ++j) w[k * 288 + j] = 1.3f + 1e-6f * static_cast<float>(j);
    pack_panels(w.data(), encoder.shape, encoder.panels.data());
    std::fill(encoder.bias.begin(), encoder.bias.end(), 0.0f);
    check_same(encoder, nullptr, 0, 1, candidate_capacity(1));
  }
}

TEST_CASE("a screen passes every value that it cannot bound") {
  for (const float wild : {NAN, kInfinity, -kInfinity, 3e38f, -3.4e38f, 1e-39f, 1e-22f, 0.0f}) {
    for (int where = 0; where < 4; ++where) {
      INFO("value ", wild, " offset ", where);
      Encoder encoder(40, 70, 90, 5);
      std::vector<float> lower_bounds(90, -0.1f);
      if (where == 0) encoder.x[3 * 70 + 5] = wild;
      if (where == 1) encoder.bias[17] = wild;
      if (where == 2) lower_bounds[40] = wild;
      if (where == 3) encoder.panels.data()[20 * kPanelWidth + 2] = wild;
      for (const float threshold : {0.0f, 4.0f})
        check_same(encoder, lower_bounds.data(), threshold, 5, 200);
    }
  }
}

TEST_CASE("a screen changes no candidates of tiny and huge encoders") {
  const FlushToZero flush;
  for (const float of_rows : {1e-30f, 1e-18f, 4e-16f, 1e-9f, 1.0f, 1e9f, 1e18f, 1e19f})
    for (const float of_columns : {4e-16f, 1e-9f, 1.0f, 1e9f, 1e18f}) {
      Encoder encoder(40, 70, 90, 6);
      const float scale = of_rows * of_columns;
      for (float& value : encoder.x) value *= of_rows;
      for (float& value : encoder.bias) value *= scale;
      for (Index at = 0; at < encoder.shape.floats(); ++at) encoder.panels.data()[at] *= of_columns;
      for (const float threshold : {0.0f, scale, 5 * scale})
        check_same(encoder, nullptr, threshold, 5, 200);
    }
}

TEST_CASE("a screen keeps a huge negative sum that the bias cancels") {
  Encoder encoder(40, 70, 90, 6);
  std::fill(encoder.x.begin(), encoder.x.end(), 0.0f);
  std::fill_n(encoder.panels.data(), encoder.shape.floats(), 0.0f);
  for (Index i = 0; i < 40; ++i) encoder.x[i * 70] = 0x1.fffffep63f;
  for (Index p = 0; p < encoder.shape.panels(); ++p)
    std::fill_n(encoder.panels.data() + encoder.shape.offset(p), encoder.shape.width(p),
                -0x1.fffffep63f);
  std::fill(encoder.bias.begin(), encoder.bias.end(), std::numeric_limits<float>::max());
  for (Index j = 1; j < 90; ++j)
    if (j % kPanelWidth != 0) encoder.bias[j] = -1;
  check_same(encoder, nullptr, 0, 5, 200);
}

TEST_CASE_TEMPLATE("few rows pass a screen if few rows exceed their bounds", Unit, MatrixUnit,
                   Int16Unit) {
  const Encoder encoder(256, 128, 512, 7);
  const Matrix h = encoder.product();
  const Panels w{encoder.panels.data(), encoder.shape};
  AlignedBuffer scratch(screen_floats(encoder.rows, encoder.shape.rows));
  Screen<Unit> screen({encoder.x.data(), encoder.shape.rows}, 0, encoder.rows, encoder.shape.rows,
                      scratch.data());
  const std::vector<float> bounds(256, 12.0f);
  Index exceeding = 0, passed = 0;
  for (Index panel = 0; panel < encoder.shape.panels(); panel += kScreenPanels) {
    screen.evaluate(w, {.bias = encoder.bias.data()}, panel, kScreenPanels, bounds.data());
    for (int which = 0; which < kScreenPanels; ++which) {
      passed += screen.passed_count(which);
      for (Index i = 0; i < encoder.rows; ++i) {
        bool exceeds = false;
        for (Index j = 0; j < kPanelWidth; ++j)
          exceeds |= h.values[i * h.stride + (panel + which) * kPanelWidth + j] > bounds[i];
        exceeding += exceeds;
        const std::int32_t* end = screen.passed(which) + screen.passed_count(which);
        if (exceeds) CHECK(std::find(screen.passed(which), end, i) != end);
      }
    }
  }
  CHECK(exceeding > 100);
  CHECK(passed < exceeding + exceeding / 5);
}
