// The panel layout of a weight matrix W [rows, cols], which every product reads.
//
// Panel p holds columns 16p .. 16p+15 as `rows` consecutive rows of 16 floats. If the last panel
// has fewer columns, its rows have that many floats, rounded up to 4: an output of 10 units costs
// 12 columns of memory and optimizer work instead of 16. Padding is zero and stays zero.
#pragma once

#include <algorithm>

#include "core/types.h"

namespace gatewise {

enum class Layout { kPanels, kRows };

struct PanelShape {
  Index rows = 0;
  Index cols = 0;

  Index panels() const { return ceil_divide(cols, kPanelWidth); }
  // Columns of panel p.
  Index width(Index p) const { return std::min(kPanelWidth, cols - p * kPanelWidth); }
  // Floats from one row of panel p to the next.
  Index stride(Index p) const { return round_up(width(p), 4); }
  Index offset(Index p) const { return p * kPanelWidth * rows; }
  // The panel of the float at `at`.
  Index panel_at(Index at) const { return std::min(at / (kPanelWidth * rows), panels() - 1); }
  // Floats of the whole matrix, rounded up so that the next parameter is aligned.
  Index floats() const {
    if (cols == 0) return 0;
    const Index last = panels() - 1;
    return round_up(offset(last) + rows * stride(last), kPanelWidth);
  }
};

// W in panel layout, read.
struct Panels {
  const float* data = nullptr;
  PanelShape shape;
  Index first = 0;  // the panel that data points to; those before it may not be in memory

  const float* panel(Index p) const { return data + shape.offset(p - first); }
};

}  // namespace gatewise
