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

// Int8 panels, whose rows are interleaved by four, with a scale per column.
struct PackedInt8 {
  PanelShape shape;
  std::vector<std::uint8_t> values;
  std::vector<float> scale;

  PackedInt8(PanelShape shape, const std::vector<std::int8_t>& source, std::vector<float> scale)
      : shape(shape),
        values(static_cast<std::size_t>((shape.cols + 15) / 16 * 16 * ((shape.rows + 3) / 4 * 4)),
               128),
        scale(std::move(scale)) {
    for (Index i = 0; i < shape.rows; ++i)
      for (Index j = 0; j < shape.cols; ++j)
        values[offset(shape, i, j)] = static_cast<std::uint8_t>(source[i * shape.cols + j] + 128);
  }

  static Index offset(PanelShape shape, Index i, Index j) {
    const Index quads = (shape.rows + 3) / 4;
    return j / 16 * quads * 64 + i / 4 * 64 + j % 16 * 4 + i % 4;
  }
  Int8Panels view() const { return {values.data(), scale.data(), shape}; }
};

}  // namespace gatewise::reference
