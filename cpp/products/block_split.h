// Divides the rows and weight panels of all groups into blocks of one group each.
#pragma once

#include <algorithm>

#include "products/grouped.h"

namespace gatewise {

// The rows of a group are cut into blocks of nearly equal size, and each has all panels, cut
// likewise. Units of work are ordered by group, then block of rows, then block of panels. Rows are
// cut only at multiples of kRowGrain.
class BlockSplit {
 public:
  // max_rows: of a block, a multiple of kRowGrain. panels: of a group; 1 if its rows are processed
  // as a whole. operations: multiply-adds of all. Blocks are smaller if threads would lack work.
  BlockSplit(const Groups& groups, Index panels, Index max_rows, int threads, double operations)
      : groups_(groups), panels_(panels), max_rows_(max_rows) {
    if (threads < 2) return;
    const auto useful = static_cast<Index>(operations / kMinSlice);
    const Index enough = std::clamp<Index>(useful, threads, kUnitsPerThread * threads);
    while (units() < enough && unit_panels_ > kMinPanels) unit_panels_ /= 2;
    while (units() < enough && max_rows_ > kMinRows) max_rows_ = round_up(max_rows_ / 2, kRowGrain);
    if (units() < enough) unit_panels_ = 1;
  }

  Index units() const {
    Index sum = 0;
    for (Index g = 0; g < groups_.count; ++g) sum += row_blocks(groups_.rows(g));
    return sum * columns();
  }

  // Calls block(g, panel_begin, panel_end, row_begin, row_end) for units [begin, end); successive
  // units of the same rows are one call.
  template <typename Block>
  void run(Index begin, Index end, const Block& block) const {
    Index first = 0;  // unit of the group
    for (Index g = 0; g < groups_.count && first < end; ++g) {
      const Index rows = groups_.rows(g), blocks = row_blocks(rows);
      const Index each = blocks ? round_up(ceil_divide(rows, blocks), kRowGrain) : 0;
      for (Index b = 0; b < blocks; ++b, first += columns()) {
        const Index from = std::max(begin - first, Index{0}), to = std::min(end - first, columns());
        const Index row = std::min(b * each, rows), row_end = std::min(row + each, rows);
        if (from < to && row < row_end)
          block(g, from * unit_panels_, std::min(to * unit_panels_, panels_),
                groups_.begin(g) + row, groups_.begin(g) + row_end);
      }
    }
  }

 private:
  // Each thread has several units, so that a slow one is helped.
  static constexpr Index kUnitsPerThread = 8, kMinRows = 48, kMinPanels = 3;

  Index columns() const { return ceil_divide(panels_, unit_panels_); }
  Index row_blocks(Index rows) const { return ceil_divide(rows, max_rows_); }

  const Groups& groups_;
  Index panels_, max_rows_;
  Index unit_panels_ = 12;  // a multiple of the panels of every tile
};

}  // namespace gatewise
