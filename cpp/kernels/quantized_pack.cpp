#include "kernels/quantized_pack.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/bfloat16.h"

namespace gatewise {
namespace {

// Calls body(value of the panels, row, column) for every value of a matrix.
template <typename Value, typename Body>
void for_each_value(Value* panels, PanelShape shape, const Body& body) {
  constexpr bool is_int8 = sizeof(Value) == 1;
  const Index panel_stride =
      is_int8 ? Int8Panels::panel_values(shape) : Bfloat16Panels::panel_values(shape);
  for (Index p = 0; p < shape.panels(); ++p) {
    Value* panel = panels + p * panel_stride;
    for (Index i = 0; i < shape.rows; ++i)
      for (Index j = 0; j < shape.width(p); ++j)
        body(panel[is_int8 ? Int8Panels::value_offset(i, j) : i * kPanelWidth + j], i,
             p * kPanelWidth + j);
  }
}

// Sets a whole matrix, padding too, to zero weights.
void clear(std::uint16_t* panels, PanelShape shape) {
  std::fill_n(panels, 2 * panel_floats(Storage::kBfloat16, shape), std::uint16_t{0});
}
void clear(std::uint8_t* panels, PanelShape shape) {
  std::fill_n(panels, 4 * panel_floats(Storage::kInt8, shape), Int8Panels::store(0));
}

// Packs a row-major matrix; convert(value, column) is what its panels hold.
template <typename Source, typename Value, typename Convert>
void pack(const Source* source, PanelShape shape, Value* panels, const Convert& convert) {
  clear(panels, shape);
  for_each_value(panels, shape, [&](Value& value, Index i, Index j) {
    value = convert(source[i * shape.cols + j], j);
  });
}

// The inverse.
template <typename Value, typename Target, typename Convert>
void unpack(const Value* panels, PanelShape shape, Target* target, const Convert& convert) {
  for_each_value(panels, shape, [&](Value value, Index i, Index j) {
    target[i * shape.cols + j] = convert(value, j);
  });
}

}  // namespace

void quantize_bfloat16(const float* source, PanelShape shape, std::uint16_t* panels) {
  pack(source, shape, panels, [](float value, Index) { return to_bfloat16(value); });
}

void quantize_int8(const float* source, PanelShape shape, std::uint8_t* panels, float* scale) {
  std::fill_n(scale, shape.cols, 0.0f);
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < shape.cols; ++j)
      scale[j] = std::max(scale[j], std::fabs(source[i * shape.cols + j]));
  for (Index j = 0; j < shape.cols; ++j) {
    scale[j] /= 127.0f;
    if (scale[j] < std::numeric_limits<float>::min()) scale[j] = 0;
  }
  pack(source, shape, panels, [&](float value, Index j) {
    const float whole = scale[j] > 0 ? std::nearbyint(value / scale[j]) : 0.0f;
    return Int8Panels::store(static_cast<std::int8_t>(whole));
  });
}

void dequantize_bfloat16(const std::uint16_t* panels, PanelShape shape, float* target) {
  unpack(panels, shape, target, [](std::uint16_t value, Index) { return from_bfloat16(value); });
}

void dequantize_int8(const std::uint8_t* panels, const float* scale, PanelShape shape,
                     float* target) {
  unpack(panels, shape, target, [&](std::uint8_t value, Index j) {
    return static_cast<float>(Int8Panels::load(value)) * scale[j];
  });
}

void pack_bfloat16(const std::uint16_t* source, PanelShape shape, std::uint16_t* panels) {
  pack(source, shape, panels, [](std::uint16_t value, Index) { return value; });
}
void pack_int8(const std::int8_t* source, PanelShape shape, std::uint8_t* panels) {
  pack(source, shape, panels, [](std::int8_t value, Index) { return Int8Panels::store(value); });
}
void unpack_bfloat16(const std::uint16_t* panels, PanelShape shape, std::uint16_t* target) {
  unpack(panels, shape, target, [](std::uint16_t value, Index) { return value; });
}
void unpack_int8(const std::uint8_t* panels, PanelShape shape, std::int8_t* target) {
  unpack(panels, shape, target, [](std::uint8_t value, Index) { return Int8Panels::load(value); });
}

}  // namespace gatewise
