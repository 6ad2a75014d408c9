// Matrices of 2 and 1 bytes per value, packed from the layout's description, without kernel code.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/vector.h"
#include "reference.h"

namespace gatewise::reference {

// Bfloat16 panels [rows, cols] from the values' bits.
struct PackedBfloat16 {
  PanelShape shape;
  std::vector<std::uint16_t> values;

  PackedBfloat16(const Matrix& m, const std::vector<std::uint16_t>& bits)
      : shape{m.rows, m.cols},
        values(static_cast<std::size_t>((m.cols + 15) / 16 * 16 * ((m.rows + 31) / 32 * 32)), 0) {
    for (Index i = 0; i < m.rows; ++i)
      for (Index j = 0; j < m.cols; ++j) values[offset(shape, i, j)] = bits[i * m.cols + j];
  }

  static Index offset(PanelShape shape, Index i, Index j) {
    const Index padded = (shape.rows + 31) / 32 * 32;
    return j / 16 * 16 * padded + i / 2 * 32 + j % 16 * 2 + i % 2;
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

// A float32 without the lower half of its bits, rounded to nearest even.
inline float rounded_to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t tail = bits & 0xffffu, last = bits >> 16 & 1u;
  bits = (bits & 0xffff0000u) + (tail > 0x8000u || (tail == 0x8000u && last) ? 0x10000u : 0u);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// sum_k a_k b_k for `depth` pairs factors(k), rounded to bfloat16, in the order of AMX: for each 32
// values of the depth, even and odd k apart. The level's fma is one of 16 lanes.
template <typename Factors>
float bfloat16_sum(Index depth, const Factors& factors) {
  float sum = 0;
  for (Index begin = 0; begin < depth; begin += 32) {
    Vector of_parity[2] = {Vector::zero(), Vector::zero()};
    for (Index k = begin; k < std::min<Index>(begin + 32, depth); ++k) {
      const auto [a, b] = factors(k);
      of_parity[k % 2] = fma(Vector::set(rounded_to_bfloat16(a)),
                             Vector::set(rounded_to_bfloat16(b)), of_parity[k % 2]);
    }
    alignas(64) float values[2][kPanelWidth];
    of_parity[0].store(values[0]);
    of_parity[1].store(values[1]);
    sum = (values[0][0] + values[1][0]) + sum;
  }
  return sum;
}

}  // namespace gatewise::reference
