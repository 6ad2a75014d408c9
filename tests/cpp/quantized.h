// Matrices of 2 and 1 bytes per value, packed from the layout's description, without kernel code.
#pragma once

#include "core/quantized_panels.h"
#include "reference.h"

namespace gatewise::reference {

// Bfloat16 panels [rows, cols] from the values' bits.
struct PackedBfloat16 {
  PanelShape shape;
  std::vector<std::uint16_t> values;

  PackedBfloat16(const Matrix& m, const std::vector<std::uint16_t>& bits)
      : shape{m.rows, m.cols},
        values(static_cast<std::size_t>((m.cols + 15) / 16 * 16 * m.rows), 0) {
    for (Index i = 0; i < m.rows; ++i)
      for (Index j = 0; j < m.cols; ++j) values[offset(shape, i, j)] = bits[i * m.cols + j];
  }

  static Index offset(PanelShape shape, Index i, Index j) {
    return j / 16 * 16 * shape.rows + i * 16 + j % 16;
  }
  Bfloat16Panels view() const { return {values.data(), shape}; }
};

// Int8 panels, whose rows are interleaved in pairs, with a scale per column.
struct PackedInt8 {
  PanelShape shape;
  std::vector<std::int8_t> values;
  std::vector<float> scale;

  PackedInt8(PanelShape shape, const std::vector<std::int8_t>& source, std::vector<float> scale)
      : shape(shape),
        values(static_cast<std::size_t>((shape.cols + 15) / 16 * 16 * ((shape.rows + 1) / 2 * 2)),
               0),
        scale(std::move(scale)) {
    for (Index i = 0; i < shape.rows; ++i)
      for (Index j = 0; j < shape.cols; ++j)
        values[offset(shape, i, j)] = source[i * shape.cols + j];
  }

  static Index offset(PanelShape shape, Index i, Index j) {
    const Index pairs = (shape.rows + 1) / 2;
    return j / 16 * pairs * 32 + i / 2 * 32 + j % 16 * 2 + i % 2;
  }
  Int8Panels view() const { return {values.data(), scale.data(), shape}; }
};

}  // namespace gatewise::reference
