#include "kernels/selection/top_k_product.h"

#include <algorithm>
#include <bit>

#include "kernels/selection/screen.h"
#include "kernels/tile_walk.h"

namespace gatewise {
namespace {

// A key that exactly k of more than k distinct keys reach, found by bisection. For a few dozen
// candidates about ten counts suffice, each over a few registers; a partial sort would mispredict
// branches.
std::uint64_t kth_key(const Candidate* list, Index count, Index k) {
  std::uint64_t reached = list[0].key(), missed = list[0].key();
  for (Index i = 1; i < count; ++i) {
    reached = std::min(reached, list[i].key());
    missed = std::max(missed, list[i].key());
  }
  ++missed;
  while (true) {
    const std::uint64_t middle = reached + (missed - reached) / 2;
    Index reaching = 0;
    for (Index i = 0; i < count; ++i) reaching += list[i].key() >= middle;
    if (reaching == k) return middle;
    (reaching > k ? reached : missed) = middle;
  }
}

// Truncates the list to its k best and raises the bound to the smallest of them.
void cut_back(Candidate* list, std::int32_t& count, float& bound, Index k) {
  if (count <= k) return;
  count = static_cast<std::int32_t>(choose_candidates(list, count, k));
  bound = list[0].value();
  for (Index i = 1; i < k; ++i) bound = std::min(bound, list[i].value());
}

class TopKProduct {
 public:
  TopKProduct(const Rows& x, const Panels& w, const ColumnTerms& terms, Index k,
              const Candidates& candidates)
      : x_(x), w_(w), terms_(terms), k_(k), candidates_(candidates) {}

  // Multiplies all rows by all panels.
  void run(Index row_begin, Index row_end, Index panel_begin, Index panel_end) const {
    walk_tiles(x_, row_begin, row_end, w_, panel_begin, panel_end,
               [&](const float (*sums)[kPanelWidth], Index row, int rows, Index panel) {
                 std::int32_t row_indices[kTileRows];
                 for (int r = 0; r < rows; ++r) row_indices[r] = static_cast<std::int32_t>(row + r);
                 take({sums, row_indices, rows, panel});
               });
  }

  // The same with a screen that selects the rows that may have a candidate. If too many rows pass,
  // the next panels are multiplied without a screen; their count doubles each time in a row.
  template <typename Unit>
  void run_screened(Index row_begin, Index row_end, Index panel_begin, Index panel_end,
                    float* scratch) const {
    Screen<Unit> screen(x_, row_begin, row_end, w_.shape.rows, scratch);
    Index pause = kMinPause;
    for (Index panel = panel_begin; panel < panel_end;) {
      const int panels = static_cast<int>(std::min(kScreenPanels, panel_end - panel));
      screen.evaluate(w_, terms_, panel, panels, candidates_.bounds + row_begin);
      Index passed = 0;
      for (int which = 0; which < panels; ++which, ++panel) {
        run_passed(screen.passed(which), screen.passed_count(which), panel);
        passed += screen.passed_count(which);
      }
      if (2 * passed < (row_end - row_begin) * panels) {
        pause = kMinPause;
        continue;
      }
      const Index unscreened = std::min(panel_end, panel + pause);
      run(row_begin, row_end, panel, unscreened);
      panel = unscreened;
      pause *= 2;
    }
  }

 private:
  static constexpr Index kMinPause = 4;

  // Sums of a few rows and one panel.
  struct Tile {
    const float (*sums)[kPanelWidth];
    const std::int32_t* rows;
    int row_count;
    Index panel;
  };

  void run_passed(const std::int32_t* rows, Index count, Index panel) const {
    const float* b = w_.panel(panel);
    TileSums sums;
    for (Index at = 0; at < count; at += kTileRows) {
      const int some = static_cast<int>(std::min<Index>(kTileRows, count - at));
      const float* a[kTileRows];
      for (int r = 0; r < some; ++r) a[r] = x_.row(rows[at + r]);
      multiply_tile(a, some, &b, 1, w_.shape.stride(panel), w_.shape.rows, {}, sums);
      take({sums.values, rows + at, some, panel});
    }
  }

  void take(const Tile& tile) const {
    const Index width = w_.shape.width(tile.panel);
    const unsigned lanes = (1u << width) - 1;
    const Vector bias = panel_bias(terms_, tile.panel, width);
    const Vector lower_bound = panel_lower_bounds(terms_, tile.panel, width);
    unsigned better[kTileRows], hits = 0;
    for (int r = 0; r < tile.row_count; ++r) {
      const Vector threshold = max(Vector::set(candidates_.bounds[tile.rows[r]]), lower_bound);
      better[r] = lanes_greater(Vector::load(tile.sums[r]) + bias, threshold) & lanes;
      hits |= static_cast<unsigned>(better[r] != 0) << r;
    }
    if (hits != 0) add_lanes(tile, hits, better);
  }

  // Adds the lanes better[r] of every row r in the set `hits` to the row's list. Not inlined,
  // because it would take registers from the tile loop.
  [[gnu::noinline]] void add_lanes(const Tile& tile, unsigned hits, const unsigned* better) const {
    const float* bias = terms_.bias ? terms_.bias + tile.panel * kPanelWidth : nullptr;
    for (; hits != 0; hits &= hits - 1) {
      const int r = std::countr_zero(hits);
      const Index i = tile.rows[r];
      Candidate* list = candidates_.lists + i * candidates_.capacity;
      std::int32_t count = candidates_.counts[i];
      for (unsigned lanes = better[r]; lanes != 0; lanes &= lanes - 1) {
        const int lane = std::countr_zero(lanes);
        const float value = tile.sums[r][lane] + (bias ? bias[lane] : 0.0f);
        list[count++] = {value, static_cast<std::int32_t>(tile.panel * kPanelWidth + lane)};
      }
      if (count > candidates_.capacity - kPanelWidth)
        cut_back(list, count, candidates_.bounds[i], k_);
      candidates_.counts[i] = count;
    }
  }

  const Rows& x_;
  const Panels& w_;
  const ColumnTerms& terms_;
  Index k_;
  const Candidates& candidates_;
};

}  // namespace

void begin_candidates(Index rows, float threshold, const Candidates& candidates) {
  std::fill_n(candidates.counts, rows, 0);
  std::fill_n(candidates.bounds, rows, threshold);
}

void top_k_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                   const ColumnTerms& terms, Index panel_begin, Index panel_end, Index k,
                   const Candidates& candidates, const ScreenSpace& screen) {
  const TopKProduct product(x, w, terms, k, candidates);
  switch (screen.kind) {
    case ScreenKind::kMatrix:
      return product.run_screened<MatrixUnit>(row_begin, row_end, panel_begin, panel_end,
                                              screen.scratch);
    case ScreenKind::kInt16:
      return product.run_screened<Int16Unit>(row_begin, row_end, panel_begin, panel_end,
                                             screen.scratch);
    case ScreenKind::kNone:
      product.run(row_begin, row_end, panel_begin, panel_end);
  }
}

Index choose_candidates(Candidate* list, Index count, Index k) {
  if (count <= k) return count;
  const std::uint64_t threshold = kth_key(list, count, k);
  Index kept = 0;
  for (Index i = 0; i < count; ++i) {
    const Candidate candidate = list[i];
    list[kept] = candidate;
    kept += candidate.key() >= threshold;
  }
  return kept;
}

}  // namespace gatewise
