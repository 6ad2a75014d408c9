// The loops of a bfloat16 product by a unit that multiplies tiles of 16 rows of 32 values, such as
// AMX; its sums are those of kernels/bfloat16_tile.h.
//
// A block's rows are packed once and stay in the L2 cache. A part of two panels stays in the L1
// cache while the rows pass over it; sums wait in memory between two parts.
#pragma once

#include <algorithm>

#include "core/cache.h"
#include "kernels/bfloat16_planes.h"
#include "kernels/bfloat16_tile_block.h"

namespace gatewise {

// Tiles has the functions of AmxTiles (kernels/amx.h), and as `Scope` the class of its scope; tests
// emulate it. Operands has depth(), row(i), prefetch() and finish() as for Bfloat16Blocks, and
//   pairs(panel, begin, end, planes, pairs): rows [begin, end) of a panel as pairs; both scratch
//   arrays have 16 (end - begin) values.
template <typename Tiles, typename Operands>
class Bfloat16Tiles {
 public:
  Bfloat16Tiles(const Operands& operands, float* scratch)
      : operands_(operands),
        depth_(round_up(operands.depth(), kDotDepth)),
        sums_(reinterpret_cast<float (*)[kPanelWidth]>(scratch)),
        planes_(scratch + kPanels * block_rows(depth_) * kPanelWidth),
        pairs_(reinterpret_cast<std::uint16_t*>(planes_ + kPart * kPanelWidth)),
        rows_(pairs_ + kPanels * kPart * kPanelWidth) {}

  // Floats of scratch.
  static Index scratch(Index depth) {
    const Index padded = round_up(depth, kDotDepth), rows = block_rows(padded);
    return (kPanels * rows + 2 * kPart) * kPanelWidth + rows * row_stride(padded) / 2;
  }

  void run(Index row_begin, Index row_end, Index panel_begin, Index panel_end) {
    [[maybe_unused]] const typename Tiles::Scope scope;
    const Index most = block_rows(depth_);
    for (Index row = row_begin; row < row_end; row += most) {
      const Index count = std::min(most, row_end - row);
      for (Index i = 0; i < count; ++i)
        to_bfloat16_row(operands_.row(row + i), operands_.depth(), rows_ + i * row_stride(depth_));
      for (Index panel = panel_begin; panel < panel_end; panel += kPanels) {
        for (Index p = 0; p < kPanels; ++p)
          std::fill_n(sums_[p * most], round_up(count, kTile) * kPanelWidth, 0.0f);
        const Index panels = std::min(kPanels, panel_end - panel);
        for (Index begin = 0; begin < depth_; begin += kPart)
          multiply_part(count, panel, panels, panel_end, begin, std::min(begin + kPart, depth_));
        for (Index p = 0; p < panels; ++p)
          operands_.finish(sums_ + p * most, row, static_cast<int>(count), panel + p);
      }
    }
  }

 private:
  static constexpr Index kTile = 16;
  // Of a block of tiles.
  // and 7.
  static constexpr Index kRows = 2 * kTile, kPanels = 2;
  // Of the depth: two panels take 32 KB.
  static constexpr Index kPart = 512;

  // Values from one packed row to the next: at a multiple of 4096 bytes they would share cache
  // lines.
  static Index row_stride(Index depth) { return depth + kDotDepth; }

  static Index block_rows(Index depth) {
    const Index bytes = row_stride(depth) * static_cast<Index>(sizeof(std::uint16_t));
    return std::clamp<Index>(l2_bytes() / 2 / bytes / kRows * kRows, 2 * kRows, 256);
  }

  void multiply_part(Index count, Index panel, Index panels, Index panel_end, Index begin,
                     Index end) {
    const std::uint16_t* b[kPanels] = {};
    for (Index p = 0; p < panels; ++p)
      b[p] = operands_.pairs(panel + p, begin, end, planes_, pairs_ + p * kPart * kPanelWidth);
    if (panels < kPanels) b[1] = b[0];
    // The rows prefetch the next part of these panels, or the first one of the next panels.
    const bool is_last = end == depth_;
    const Index steps = (end - begin) / kDotDepth * ceil_divide(count, kRows);
    next_ = {.panel = is_last ? panel + panels : panel, .begin = is_last ? 0 : end};
    next_.last = (std::min(next_.panel + panels, panel_end) - next_.panel) * kPart / 2;
    next_.at_once = ceil_divide(next_.last, steps);
    for (Index row = 0; row < count; row += kRows) {
      const TileOperands of{
          rows_ + row * row_stride(depth_) + begin, row_stride(depth_), {b[0], b[1]}};
      if (count - row > kTile)
        panels > 1 ? block<true, true>(row, of, end - begin)
                   : block<true, false>(row, of, end - begin);
      else
        panels > 1 ? block<false, true>(row, of, end - begin)
                   : block<false, false>(row, of, end - begin);
    }
  }

  template <bool kTwoRows, bool kTwoPanels>
  void block(Index row, const TileOperands& of, Index depth) {
    float* const sums[kPanels] = {sums_[row], sums_[row + block_rows(depth_)]};
    add_tile_products<Tiles, kTwoRows, kTwoPanels>(of, depth / kDotDepth, sums,
                                                   [this] { prefetch_next(); });
  }

  void prefetch_next() {
    const Index stop = std::min(next_.line + next_.at_once, next_.last);
    for (; next_.line < stop; ++next_.line)
      operands_.prefetch(next_.panel + next_.line / (kPart / 2), next_.begin,
                         next_.line % (kPart / 2));
  }

  // Lines to prefetch: [line, last) of kPart / 2 for each panel from `panel` on.
  struct Next {
    Index panel = 0, begin = 0, line = 0, last = 0, at_once = 0;
  };

  const Operands& operands_;
  Index depth_;                 // padded to whole blocks
  float (*sums_)[kPanelWidth];  // [kPanels][block rows]
  float* planes_;               // [kPart, 16]
  std::uint16_t* pairs_;        // [kPanels][kPart, 16]
  std::uint16_t* rows_;         // [block rows, row_stride()]
  Next next_;
};

}  // namespace gatewise
