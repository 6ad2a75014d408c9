// Splits a range of the work of all groups into blocks that each lie in one group.
#pragma once

#include <algorithm>

#include "products/grouped.h"

namespace gatewise {

// Work units are ordered by group, then column block, then row. `WorkSplit` walks a range of units
// as blocks (group, columns [begin, end), rows [begin, end)): part of a first column block, several
// whole ones together, part of a last.
class WorkSplit {
 public:
  // columns: column blocks per group. Rows of a group are cut only at multiples of `grain`.
  WorkSplit(const Groups& groups, Index columns, Index grain)
      : groups_(groups), columns_(columns), grain_(grain) {}

  Index units() const { return groups_.total() * columns_; }

  template <typename Block>
  void run(Index begin, Index end, const Block& block) const {
    // offsets_ * columns_ ascends with g: find the group of `begin`.
    const Index* first = std::upper_bound(groups_.offsets, groups_.offsets + groups_.count + 1,
                                          begin / std::max<Index>(columns_, 1));
    for (Index g = first - groups_.offsets - 1; g < groups_.count; ++g) {
      const Index start = groups_.begin(g) * columns_, rows = groups_.rows(g);
      if (start >= end) break;
      if (rows == 0) continue;
      const Index from = cut(std::max<Index>(begin - start, 0), rows);
      const Index to = cut(std::min(end - start, rows * columns_), rows);
      walk(g, rows, from, to, block);
    }
  }

 private:
  // Rounds the row of a unit index down to a multiple of the grain; the group has `rows` rows.
  Index cut(Index unit, Index rows) const {
    const Index row = unit % rows;
    return unit - row + row / grain_ * grain_;
  }

  template <typename Block>
  void walk(Index g, Index rows, Index from, Index to, const Block& block) const {
    const Index first_row = groups_.begin(g);
    while (from < to) {
      const Index column = from / rows, row = from % rows;
      if (row != 0 || to - from < rows) {
        const Index last = std::min(rows, row + to - from);
        block(g, column, column + 1, first_row + row, first_row + last);
        from += last - row;
      } else {
        const Index whole = (to - from) / rows;
        block(g, column, column + whole, first_row, first_row + rows);
        from += whole * rows;
      }
    }
  }

  const Groups& groups_;
  Index columns_;
  Index grain_;
};

}  // namespace gatewise
