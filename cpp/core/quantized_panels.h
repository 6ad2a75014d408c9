// Weight matrices W [rows, cols] in 2 bytes, 1 byte or 4 bits a value, in panels or row by row.
//
// Panel p holds columns 16p .. 16p+15, the last one too: columns beyond the matrix are zero.
#pragma once

#include <cstdint>

#include "core/panels.h"
#include "core/storage.h"

namespace gatewise {

// Depth whose products of bfloat16 values are summed together; see kernels/bfloat16_tile.h.
inline constexpr Index kDotDepth = 32;

// The upper halves of float32 values. Two rows are interleaved: the 32 values of rows 2i and 2i + 1
// are w[2i][j], w[2i + 1][j] in ascending order of j. Rows after the last one are zero, up to a
// multiple of kDotDepth.
struct Bfloat16Panels {
  const std::uint16_t* data = nullptr;
  PanelShape shape;

  static Index panel_values(PanelShape shape) {
    return round_up(shape.rows, kDotDepth) * kPanelWidth;
  }
  // Offset of value (row, column of the panel) in a panel.
  static Index value_offset(Index row, Index column) {
    return row / 2 * (2 * kPanelWidth) + 2 * column + row % 2;
  }
  const std::uint16_t* panel(Index p) const { return data + p * panel_values(shape); }
};

// Integers w from -128 to 127 as unsigned bytes w + 128, so that instructions that multiply
// unsigned by signed bytes can read them. Four rows are interleaved: the 64 bytes of rows 4i .. 4i
// + 3 are w[4i][j], .., w[4i + 3][j] in ascending order of j. Rows after the last one are zero.
// W[i, j] is the integer times scale[j].
struct Int8Panels {
  const std::uint8_t* data = nullptr;
  const float* scale = nullptr;  // [cols]
  PanelShape shape;
  Index first = 0;  // the panel that data points to; those before it may not be in memory

  static Index panel_values(PanelShape shape) { return round_up(shape.rows, 4) * kPanelWidth; }
  // Offset of value (row, column of the panel) in a panel.
  static Index value_offset(Index row, Index column) {
    return row / 4 * (4 * kPanelWidth) + 4 * column + row % 4;
  }
  static constexpr std::uint8_t store(std::int8_t value) {
    return static_cast<std::uint8_t>(value + 128);
  }
  static constexpr std::int8_t load(std::uint8_t stored) {
    return static_cast<std::int8_t>(stored - 128);
  }
  const std::uint8_t* panel(Index p) const { return data + (p - first) * panel_values(shape); }
};

// Codes c from -8 to 7 as c + 8 in four bits. Eight rows are interleaved: byte 4 j + i of their 64
// bytes has row i of them in its lower half and row i + 4 in its upper half, i < 4, of column j.
// Rows after the last one are zero. W[i, j] = c[i, j] block_scale[i / block_rows, j] scale[j]: the
// integer part is that of int8 panels, so the products are the same.
struct Int4Panels {
  const std::uint8_t* data = nullptr;
  const std::uint8_t* block_scale = nullptr;  // [blocks, cols], from 0 to kMaxBlockScale
  const float* scale = nullptr;               // [cols]
  PanelShape shape;
  Index block_rows = 0;  // a multiple of 8

  static Index panel_bytes(PanelShape shape) { return round_up(shape.rows, 8) * kPanelWidth / 2; }
  // Offset of the byte with value (row, column of the panel), and the shift of its four bits.
  static Index byte_offset(Index row, Index column) {
    return row / 8 * (4 * kPanelWidth) + 4 * column + row % 4;
  }
  static int shift(Index row) { return row % 8 < 4 ? 0 : 4; }
  const std::uint8_t* panel(Index p) const { return data + p * panel_bytes(shape); }
};

// Panels of float32, bfloat16 or int8.
struct StoredPanels {
  const void* data = nullptr;
  PanelShape shape;
  Storage storage = Storage::kFloat32;
  const float* scale = nullptr;  // [cols], of int8

  StoredPanels() = default;
  StoredPanels(const Panels& w) : data(w.data), shape(w.shape) {}
  StoredPanels(const void* values, PanelShape of, Storage type, const float* scales)
      : data(values), shape(of), storage(type), scale(scales) {}

  bool is_float32() const { return storage == Storage::kFloat32; }
  Panels float32() const { return {static_cast<const float*>(data), shape}; }
  Bfloat16Panels bfloat16() const { return {static_cast<const std::uint16_t*>(data), shape}; }
  Int8Panels int8() const { return {static_cast<const std::uint8_t*>(data), scale, shape}; }
};

// The rows of a matrix [rows, width] in float32, bfloat16 or int8, each padded to `stride` values,
// a multiple of 16. In int8, a row's integers are stored as those of panels are; times scale[i]
// they are W[i].
struct StoredRows {
  const void* data = nullptr;
  Index stride = 0;
  Index width = 0;
  Storage storage = Storage::kFloat32;
  const float* scale = nullptr;  // [rows], of int8

  bool is_float32() const { return storage == Storage::kFloat32; }
  const float* float32() const { return static_cast<const float*>(data); }
  const float* float32_row(Index i) const { return float32() + i * stride; }
  const std::uint16_t* bfloat16_row(Index i) const {
    return static_cast<const std::uint16_t*>(data) + i * stride;
  }
  const std::uint8_t* int8_row(Index i) const {
    return static_cast<const std::uint8_t*>(data) + i * stride;
  }
};

// Floats of memory of a row of `cols` values, padded.
inline Index row_floats(Storage storage, Index cols) {
  const Index values = round_up(cols, kPanelWidth);
  if (storage == Storage::kBfloat16) return values / 2;
  return storage == Storage::kInt8 ? values / 4 : values;
}

// Floats of memory of the whole matrix, rounded up so that the next parameter is aligned.
inline Index panel_floats(Storage storage, PanelShape shape) {
  switch (storage) {
    case Storage::kBfloat16:
      return round_up(shape.panels() * Bfloat16Panels::panel_values(shape) / 2, kPanelWidth);
    case Storage::kInt8:
      return round_up(shape.panels() * Int8Panels::panel_values(shape) / 4, kPanelWidth);
    case Storage::kInt4:
      return round_up(shape.panels() * Int4Panels::panel_bytes(shape) / 4, kPanelWidth);
    default:
      return shape.floats();
  }
}

}  // namespace gatewise
