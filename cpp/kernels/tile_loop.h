// Register tiles over a range of rows and panels, for products that widen their weights as they
// read them.
#pragma once

#include <array>
#include <utility>

#include "kernels/tile.h"

namespace gatewise {

// Covers rows [row_begin, row_end) and panels [panel_begin, panel_end) with calls of
// `product.tile<kRows, kPanels>(row, panel)`, each with at most `Product::kMaxPanels` panels.
// Panels are the outer loop, so that a panel stays in cache while the rows pass.
template <typename Product>
class TileLoop {
 public:
  static void run(const Product& product, Index row_begin, Index row_end, Index panel_begin,
                  Index panel_end) {
    const Index max_rows = std::min<Index>(row_end - row_begin, kTileRows);
    if (max_rows <= 0) return;
    const Index group = panels_of(static_cast<int>(max_rows));
    for (Index panel = panel_begin; panel < panel_end; panel += group) {
      const Index group_end = std::min(panel_end, panel + group);
      for (Index row = row_begin; row < row_end; row += kTileRows) {
        const Index rows = std::min<Index>(kTileRows, row_end - row);
        const Index at_once = panels_of(static_cast<int>(rows));
        for (Index p = panel; p < group_end; p += at_once)
          kTiles[rows - 1][std::min(at_once, group_end - p) - 1](product, row, p);
      }
    }
  }

 private:
  using Tile = void (*)(const Product& product, Index row, Index panel);
  static constexpr int kMaxPanels = Product::kMaxPanels;

  static constexpr int panels_of(int rows) { return std::min(tile_panels(rows), kMaxPanels); }

  template <int kRows, int kPanels>
  static void call(const Product& product, Index row, Index panel) {
    product.template tile<kRows, kPanels>(row, panel);
  }

  // Sizes that no loop uses repeat the largest one that is used.
  template <int kRows, int... kPanels>
  static constexpr std::array<Tile, kMaxPanels> of_rows(std::integer_sequence<int, kPanels...>) {
    return {&call<kRows, std::min(kPanels + 1, panels_of(kRows))>...};
  }
  template <int... kRows>
  static constexpr std::array<std::array<Tile, kMaxPanels>, kTileRows> all(
      std::integer_sequence<int, kRows...>) {
    return {of_rows<kRows + 1>(std::make_integer_sequence<int, kMaxPanels>{})...};
  }

  // kTiles[r - 1][p - 1]: r rows by p panels.
  static constexpr auto kTiles = all(std::make_integer_sequence<int, kTileRows>{});
};

}  // namespace gatewise
