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

template <typename Value>
void clear(Value* panels, PanelShape shape) {
  const Storage storage = sizeof(Value) == 1 ? Storage::kInt8 : Storage::kBfloat16;
  constexpr Index kPerFloat = sizeof(float) / sizeof(Value);
  std::fill_n(panels, kPerFloat * panel_floats(storage, shape), Value{0});
}

template <typename Value>
void pack(const Value* source, PanelShape shape, Value* panels) {
  clear(panels, shape);
  for_each_value(panels, shape,
                 [&](Value& value, Index i, Index j) { value = source[i * shape.cols + j]; });
}

template <typename Value>
void unpack(const Value* panels, PanelShape shape, Value* target) {
  for_each_value(panels, shape,
                 [&](Value value, Index i, Index j) { target[i * shape.cols + j] = value; });
}

}  // namespace

void quantize_bfloat16(const float* source, PanelShape shape, std::uint16_t* panels) {
  clear(panels, shape);
  for_each_value(panels, shape, [&](std::uint16_t& value, Index i, Index j) {
    value = to_bfloat16(source[i * shape.cols + j]);
  });
}

void quantize_int8(const float* source, PanelShape shape, std::int8_t* panels, float* scale) {
  std::fill_n(scale, shape.cols, 0.0f);
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < shape.cols; ++j)
      scale[j] = std::max(scale[j], std::fabs(source[i * shape.cols + j]));
  for (Index j = 0; j < shape.cols; ++j) {
    scale[j] /= 127.0f;
    if (scale[j] < std::numeric_limits<float>::min()) scale[j] = 0;
  }
  clear(panels, shape);
  for_each_value(panels, shape, [&](std::int8_t& value, Index i, Index j) {
    const float whole = scale[j] > 0 ? std::nearbyint(source[i * shape.cols + j] / scale[j]) : 0.0f;
    value = static_cast<std::int8_t>(whole);
  });
}

void dequantize_bfloat16(const std::uint16_t* panels, PanelShape shape, float* target) {
  for_each_value(panels, shape, [&](std::uint16_t value, Index i, Index j) {
    target[i * shape.cols + j] = from_bfloat16(value);
  });
}

void dequantize_int8(const std::int8_t* panels, const float* scale, PanelShape shape,
                     float* target) {
  for_each_value(panels, shape, [&](std::int8_t value, Index i, Index j) {
    target[i * shape.cols + j] = static_cast<float>(value) * scale[j];
  });
}

void pack_bfloat16(const std::uint16_t* source, PanelShape shape, std::uint16_t* panels) {
  pack(source, shape, panels);
}
void pack_int8(const std::int8_t* source, PanelShape shape, std::int8_t* panels) {
  pack(source, shape, panels);
}
void unpack_bfloat16(const std::uint16_t* panels, PanelShape shape, std::uint16_t* target) {
  unpack(panels, shape, target);
}
void unpack_int8(const std::int8_t* panels, PanelShape shape, std::int8_t* target) {
  unpack(panels, shape, target);
}

}  // namespace gatewise
