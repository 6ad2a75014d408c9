// Arrays with one value along some axes of a sample, and the sample's size along the others: masks
// and weights that positions or channels share. Their last axis is the columns of a row, all others
// its positions. Options: the sample's `sizes`, and `shared`, 1 for each axis that is.
#pragma once

#include <vector>

#include "layers/shapes/sizes_option.h"

namespace gatewise {

class SharedAxes {
 public:
  explicit SharedAxes(const Options& options)
      : sizes_(sizes_from(options, "sizes")), shared_(sizes_from(options, "shared")) {
    require(!sizes_.empty() && sizes_.size() == shared_.size(),
            "sizes: expected as many as shared");
    for (std::size_t axis = 0; axis + 1 < sizes_.size(); ++axis) {
      require(sizes_[axis] >= 1, "sizes: expected at least 1, got ", sizes_[axis]);
      if (!shared_[axis]) rows_ = size_product("sizes", {rows_, sizes_[axis]});
      positions_ = size_product("sizes", {positions_, sizes_[axis]});
    }
  }

  // Rows of the array, and values of one.
  Index rows() const { return rows_; }
  Index width(Index columns) const { return shared_.back() ? 1 : columns; }
  bool shares_columns() const { return shared_.back() != 0; }
  // Whether positions differ, so that samples need the sizes of the options.
  bool reads_positions() const { return rows_ > 1; }

  // The array's row at a position of the sample.
  Index row(Index position) const {
    if (!reads_positions()) return 0;
    Index row = 0, scale = 1;
    for (std::size_t axis = sizes_.size() - 1; axis-- > 0;) {
      if (!shared_[axis]) {
        row += position % sizes_[axis] * scale;
        scale *= sizes_[axis];
      }
      position /= sizes_[axis];
    }
    return row;
  }

  // Positions of a sample; throws if they are not those of the options and have to be.
  Index positions(Index rows, Index samples) const {
    const Index found = rows / std::max<Index>(samples, 1);
    require(!reads_positions() || found == positions_, "x: expected samples of ", positions_,
            " rows, got ", found);
    return std::max<Index>(found, 1);
  }

 private:
  std::vector<Index> sizes_, shared_;
  Index rows_ = 1, positions_ = 1;
};

}  // namespace gatewise
