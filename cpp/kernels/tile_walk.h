// Loop over the register tiles of rows by panels, shared by the products with float32 weights.
#pragma once

#include <algorithm>

#include "kernels/product_tile.h"

namespace gatewise {

template <typename Finish>
class TileWalk {
 public:
  TileWalk(const Rows& x, const Panels& w, const Finish& finish) : x_(x), w_(w), finish_(finish) {}

  void run(Index row_begin, Index row_end, Index panel_begin, Index panel_end) const {
    const Index depth = std::max<Index>(w_.shape.rows, 1);
    const Index block = std::max<Index>(kBlockFloats / depth / kTileRows, 1) * kTileRows;
    for (Index begin = row_begin; begin < row_end; begin += block) {
      const RowTiles tiles(std::min(row_end - begin, block));
      const Index group = tile_panels(tiles.min_rows());
      // Panels are the outer loop: a panel stays in the L1 cache while the block's rows pass.
      for (Index panel = panel_begin; panel < panel_end; panel += group) {
        const Index group_end = std::min(panel_end, panel + group);
        const float* next = w_.panel(group_end);
        for (Index tile = 0; tile < tiles.count(); ++tile)
          multiply_rows(begin + tiles.begin(tile), tiles.rows(tile), panel, group_end,
                        tiles.count(), next);
      }
    }
  }

 private:
  // Floats of x per block: its rows and their outputs stay in the L2 cache while all panels pass.
  // Half of the smallest L2 in use (512 KB, Zen 3).
  static constexpr Index kBlockFloats = 64 * 1024;

  // Multiplies rows [row, row + rows) by panels [panel_begin, panel_end), as one of `tiles` tiles
  // of rows. Each tile prefetches its part of the next panels and advances `next`. A single tile
  // prefetches nothing: it finishes before the next panels can arrive, and the hardware prefetcher
  // follows it.
  void multiply_rows(Index row, int rows, Index panel_begin, Index panel_end, Index tiles,
                     const float*& next) const {
    const float* a[kTileRows];
    for (int r = 0; r < rows; ++r) a[r] = x_.row(row + r);
    const int at_once = tile_panels(rows);
    TileSums sums;
    for (Index panel = panel_begin; panel < panel_end; panel += at_once) {
      const int panels = static_cast<int>(std::min<Index>(at_once, panel_end - panel));
      const float* b[kMaxPanels];
      for (int p = 0; p < panels; ++p) b[p] = w_.panel(panel + p);
      const Index lines = tiles > 1 ? ceil_divide(kPrefetchDepth * panels, tiles) : 0;
      multiply_tile(a, rows, b, panels, w_.shape.stride(panel + panels - 1), w_.shape.rows,
                    {next, lines}, sums);
      next += ceil_divide(w_.shape.rows, kPrefetchDepth) * lines * kPanelWidth;
      for (int p = 0; p < panels; ++p) finish_(sums.values + p * rows, row, rows, panel + p);
    }
  }

  const Rows& x_;
  const Panels& w_;
  const Finish& finish_;
};

// Calls finish(sums, row, rows, panel) once per tile of rows [row_begin, row_end) of x by panels
// [panel_begin, panel_end) of w; sums [rows][16] are those of x w. For each row, panels ascend.
template <typename Finish>
void walk_tiles(const Rows& x, Index row_begin, Index row_end, const Panels& w, Index panel_begin,
                Index panel_end, const Finish& finish) {
  TileWalk(x, w, finish).run(row_begin, row_end, panel_begin, panel_end);
}

}  // namespace gatewise
