// The loops of a bfloat16 product: blocks of rows, groups of panels, parts of the depth.
//
// A block's rows are packed once and stay in the L2 cache while the panels pass. A group of panels
// is widened part by part, and all rows of the block pass over a part while it is in the L1 cache.
#pragma once

#include <algorithm>

#include "core/cache.h"
#include "kernels/bfloat16_planes.h"

namespace gatewise {

// Operands has
//   depth(), row(i): row i of the rows;
//   planes(panel, begin, end, to): rows [begin, end) of a panel, in planes;
//   prefetch(panel, begin, line): a line of 64 bytes of what planes() reads for a whole part;
//   finish(sums, row, rows, panel): what becomes of sums [rows][16].
template <typename Operands>
class Bfloat16Blocks {
 public:
  Bfloat16Blocks(const Operands& operands, float* scratch)
      : operands_(operands),
        depth_(round_up(operands.depth(), kDotDepth)),
        rows_(scratch),
        panels_(rows_ + block_rows(depth_) * row_stride(depth_)),
        sums_(reinterpret_cast<float (*)[kPanelWidth]>(panels_ +
                                                       kMaxPlanePanels * kPart * kPanelWidth)) {}

  // Floats of scratch.
  static Index scratch(Index depth) {
    const Index padded = round_up(depth, kDotDepth), rows = block_rows(padded);
    return rows * row_stride(padded) + kMaxPlanePanels * (kPart + rows) * kPanelWidth;
  }

  void run(Index row_begin, Index row_end, Index panel_begin, Index panel_end) {
    const Index most = block_rows(depth_), blocks = ceil_divide(row_end - row_begin, most);
    for (Index b = 0; b < blocks; ++b) {
      const Index row = row_begin + (row_end - row_begin) * b / blocks;
      const Index count = row_begin + (row_end - row_begin) * (b + 1) / blocks - row;
      for (Index i = 0; i < count; ++i)
        to_planes(operands_.row(row + i), operands_.depth(), rows_ + i * row_stride(depth_));
      const RowTiles tiles(count, kPlaneTileRows);
      const Index group = plane_tile_panels(tiles.max_rows());
      for (Index panel = panel_begin; panel < panel_end; panel += group)
        multiply_group(row, tiles, panel, std::min(panel + group, panel_end), panel_end);
    }
  }

 private:
  // Of the depth: a group of panels takes 32 KB.
  static constexpr Index kPart = 128, kPartLines = kPart / 2;

  // Floats from one packed row to the next: at a multiple of 4096 bytes they would share cache
  // lines.
  static Index row_stride(Index depth) { return depth + kPanelWidth; }

  // Rows of a block at most: their values take half of the L2 cache, but weights are not read too
  // often.
  static Index block_rows(Index depth) {
    const Index bytes = row_stride(depth) * static_cast<Index>(sizeof(float));
    return std::clamp<Index>(l2_bytes() / 2 / bytes, 48, 240);
  }

  // Panels [panel, group_end) of those before panel_end.
  void multiply_group(Index row, const RowTiles& tiles, Index panel, Index group_end,
                      Index panel_end) {
    const int panels = static_cast<int>(group_end - panel);
    std::fill_n(sums_[0], tiles.begin(tiles.count()) * kMaxPlanePanels * kPanelWidth, 0.0f);
    for (Index begin = 0; begin < depth_; begin += kPart) {
      const Index end = std::min(begin + kPart, depth_);
      for (int p = 0; p < panels; ++p)
        operands_.planes(panel + p, begin, end, panels_ + p * kPart * kPanelWidth);
      // The tiles prefetch the next part of these panels, or the first one of the next panels.
      const Index next = end == depth_ ? group_end : panel, next_begin = end == depth_ ? 0 : end;
      const Index next_end = std::min(next + panels, panel_end);
      const Index lines = ceil_divide(kPartLines * panels, tiles.count());
      for (Index tile = 0; tile < tiles.count(); ++tile) {
        const Index last = std::min((tile + 1) * lines, (next_end - next) * kPartLines);
        for (Index line = tile * lines; line < last; ++line)
          operands_.prefetch(next + line / kPartLines, next_begin, line % kPartLines);
        multiply_tile_part(tiles.begin(tile), tiles.rows(tile), panels, begin, end);
      }
    }
    for (Index tile = 0; tile < tiles.count(); ++tile)
      for (int p = 0; p < panels; ++p)
        operands_.finish(sums_of(tiles.begin(tile)) + p * tiles.rows(tile), row + tiles.begin(tile),
                         tiles.rows(tile), panel + p);
  }

  void multiply_tile_part(Index first, int rows, int panels, Index begin, Index end) {
    const PlaneRows planes{rows_ + first * row_stride(depth_) + begin, row_stride(depth_)};
    const int at_once = plane_tile_panels(rows);
    for (int p = 0; p < panels; p += at_once)
      multiply_planes(planes, rows, panels_ + p * kPart * kPanelWidth, kPart * kPanelWidth,
                      std::min(at_once, panels - p), (end - begin) / kDotDepth,
                      sums_of(first) + p * rows);
  }

  // Sums of the tile at row `first` of the block, [panels][rows][16].
  float (*sums_of(Index first)) [kPanelWidth] { return sums_ + first * kMaxPlanePanels; }

  const Operands& operands_;
  Index depth_;    // padded to whole blocks
  float* rows_;    // [block rows, row_stride()], planes
  float* panels_;  // [kMaxPlanePanels, kPart, 16], planes
  float (*sums_)[kPanelWidth];
};

}  // namespace gatewise
