// Panels of a weight matrix W [rows, cols] in 2 or 1 bytes a value.
//
// Panel p holds columns 16p .. 16p+15, the last one too: columns beyond the matrix are zero.
#pragma once

#include <cstdint>

#include "core/panels.h"
#include "core/storage.h"

namespace gatewise {

// A panel is `rows` consecutive rows of 16 values, each the upper half of a float32.
struct Bfloat16Panels {
  const std::uint16_t* data = nullptr;
  PanelShape shape;

  static Index panel_values(PanelShape shape) { return shape.rows * kPanelWidth; }
  const std::uint16_t* panel(Index p) const { return data + p * panel_values(shape); }
};

// Pairs of rows are interleaved for multiplications of 16-bit pairs: the 32 values of rows 2i and
// 2i + 1 are w[2i][j], w[2i + 1][j] in ascending order of j. With an odd row count, a row of zeros
// follows the last one. W[i, j] is the value times scale[j].
struct Int8Panels {
  const std::int8_t* data = nullptr;
  const float* scale = nullptr;  // [cols]
  PanelShape shape;

  static Index panel_values(PanelShape shape) { return round_up(shape.rows, 2) * kPanelWidth; }
  // Offset of value (row, column of the panel) in a panel.
  static Index value_offset(Index row, Index column) {
    return row / 2 * (2 * kPanelWidth) + 2 * column + row % 2;
  }
  const std::int8_t* panel(Index p) const { return data + p * panel_values(shape); }
};

// Floats of memory of the whole matrix, rounded up so that the next parameter is aligned.
inline Index panel_floats(Storage storage, PanelShape shape) {
  switch (storage) {
    case Storage::kBfloat16:
      return round_up(shape.panels() * Bfloat16Panels::panel_values(shape) / 2, kPanelWidth);
    case Storage::kInt8:
      return round_up(shape.panels() * Int8Panels::panel_values(shape) / 4, kPanelWidth);
    default:
      return shape.floats();
  }
}

}  // namespace gatewise
