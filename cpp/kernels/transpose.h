// A strip of a weight matrix, transposed into a panel.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Floats that `transpose_strip` writes.
inline Index strip_floats(PanelShape shape) {
  return round_up(shape.cols, kPanelWidth) * kPanelWidth;
}

// strip[u * 16 + i] = w[row + i, u] for i of [0, 16) and units u of [0, cols) rounded up to 16;
// zero where row + i lies behind the last row, anything where u lies behind the last unit.
void transpose_strip(const Panels& w, Index row, float* strip);

}  // namespace gatewise
