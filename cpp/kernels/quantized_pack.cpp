#include "kernels/quantized_pack.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/bfloat16.h"

namespace gatewise {
namespace {

// Calls body(stored value, row, column) for every value of a matrix.
template <typename Value, typename Body>
void for_each_value(Value* stored, const StoredShape& shape, const Body& body) {
  constexpr bool is_int8 = sizeof(Value) == 1;
  const PanelShape size = shape.size;
  if (shape.layout == Layout::kRows) {
    const Index stride = round_up(size.cols, kPanelWidth);
    for (Index i = 0; i < size.rows; ++i)
      for (Index j = 0; j < size.cols; ++j) body(stored[i * stride + j], i, j);
    return;
  }
  const Index panel_stride =
      is_int8 ? Int8Panels::panel_values(size) : Bfloat16Panels::panel_values(size);
  for (Index p = 0; p < size.panels(); ++p) {
    Value* panel = stored + p * panel_stride;
    for (Index i = 0; i < size.rows; ++i)
      for (Index j = 0; j < size.width(p); ++j)
        body(panel[is_int8 ? Int8Panels::value_offset(i, j) : i * kPanelWidth + j], i,
             p * kPanelWidth + j);
  }
}

// Index of the scale of a value.
Index scale_index(const StoredShape& shape, Index row, Index column) {
  return shape.layout == Layout::kRows ? row : column;
}

Index floats_of(Storage storage, const StoredShape& shape) {
  return shape.layout == Layout::kRows ? shape.size.rows * row_floats(storage, shape.size.cols)
                                       : panel_floats(storage, shape.size);
}

// Sets a whole matrix, padding too, to zero weights.
void clear(std::uint16_t* stored, const StoredShape& shape) {
  std::fill_n(stored, 2 * floats_of(Storage::kBfloat16, shape), std::uint16_t{0});
}
void clear(std::uint8_t* stored, const StoredShape& shape) {
  std::fill_n(stored, 4 * floats_of(Storage::kInt8, shape), Int8Panels::store(0));
}

// Packs a row-major matrix; convert(value, index of its scale) is what is stored.
template <typename Source, typename Value, typename Convert>
void pack(const Source* source, const StoredShape& shape, Value* stored, const Convert& convert) {
  clear(stored, shape);
  for_each_value(stored, shape, [&](Value& value, Index i, Index j) {
    value = convert(source[i * shape.size.cols + j], scale_index(shape, i, j));
  });
}

// The inverse.
template <typename Value, typename Target, typename Convert>
void unpack(const Value* stored, const StoredShape& shape, Target* target, const Convert& convert) {
  for_each_value(stored, shape, [&](Value value, Index i, Index j) {
    target[i * shape.size.cols + j] = convert(value, scale_index(shape, i, j));
  });
}

}  // namespace

void quantize_bfloat16(const float* source, const StoredShape& shape, std::uint16_t* stored) {
  pack(source, shape, stored, [](float value, Index) { return to_bfloat16(value); });
}

void quantize_int8(const float* source, const StoredShape& shape, std::uint8_t* stored,
                   float* scale) {
  const auto [rows, cols] = shape.size;
  const Index scales = shape.layout == Layout::kRows ? rows : cols;
  std::fill_n(scale, scales, 0.0f);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) {
      float& largest = scale[scale_index(shape, i, j)];
      largest = std::max(largest, std::fabs(source[i * cols + j]));
    }
  for (Index at = 0; at < scales; ++at) {
    scale[at] /= 127.0f;
    if (scale[at] < std::numeric_limits<float>::min()) scale[at] = 0;
  }
  pack(source, shape, stored, [&](float value, Index at) {
    const float whole = scale[at] > 0 ? std::nearbyint(value / scale[at]) : 0.0f;
    return Int8Panels::store(static_cast<std::int8_t>(whole));
  });
}

void dequantize_bfloat16(const std::uint16_t* stored, const StoredShape& shape, float* target) {
  unpack(stored, shape, target, [](std::uint16_t value, Index) { return from_bfloat16(value); });
}

void dequantize_int8(const std::uint8_t* stored, const float* scale, const StoredShape& shape,
                     float* target) {
  unpack(stored, shape, target, [&](std::uint8_t value, Index at) {
    return static_cast<float>(Int8Panels::load(value)) * scale[at];
  });
}

void pack_bfloat16(const std::uint16_t* source, const StoredShape& shape, std::uint16_t* stored) {
  pack(source, shape, stored, [](std::uint16_t value, Index) { return value; });
}
void pack_int8(const std::int8_t* source, const StoredShape& shape, std::uint8_t* stored) {
  pack(source, shape, stored, [](std::int8_t value, Index) { return Int8Panels::store(value); });
}
void unpack_bfloat16(const std::uint16_t* stored, const StoredShape& shape, std::uint16_t* target) {
  unpack(stored, shape, target, [](std::uint16_t value, Index) { return value; });
}
void unpack_int8(const std::uint8_t* stored, const StoredShape& shape, std::int8_t* target) {
  unpack(stored, shape, target, [](std::uint8_t value, Index) { return Int8Panels::load(value); });
}

}  // namespace gatewise
