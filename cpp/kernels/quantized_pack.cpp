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

}  // namespace

void quantize_bfloat16(const float* source, PanelShape shape, std::uint16_t* panels) {
  clear(panels, shape);
  for_each_value(panels, shape, [&](std::uint16_t& value, Index i, Index j) {
    value = to_bfloat16(source[i * shape.cols + j]);
  });
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
  clear(panels, shape);
  for_each_value(panels, shape, [&](std::uint8_t& value, Index i, Index j) {
    const float whole = scale[j] > 0 ? std::nearbyint(source[i * shape.cols + j] / scale[j]) : 0.0f;
    value = Int8Panels::store(static_cast<std::int8_t>(whole));
  });
}

void dequantize_bfloat16(const std::uint16_t* panels, PanelShape shape, float* target) {
  for_each_value(panels, shape, [&](std::uint16_t value, Index i, Index j) {
    target[i * shape.cols + j] = from_bfloat16(value);
  });
}

void dequantize_int8(const std::uint8_t* panels, const float* scale, PanelShape shape,
                     float* target) {
  for_each_value(panels, shape, [&](std::uint8_t value, Index i, Index j) {
    target[i * shape.cols + j] = static_cast<float>(Int8Panels::load(value)) * scale[j];
  });
}

void pack_bfloat16(const std::uint16_t* source, PanelShape shape, std::uint16_t* panels) {
  clear(panels, shape);
  for_each_value(panels, shape, [&](std::uint16_t& value, Index i, Index j) {
    value = source[i * shape.cols + j];
  });
}
void pack_int8(const std::int8_t* source, PanelShape shape, std::uint8_t* panels) {
  clear(panels, shape);
  for_each_value(panels, shape, [&](std::uint8_t& value, Index i, Index j) {
    value = Int8Panels::store(source[i * shape.cols + j]);
  });
}
void unpack_bfloat16(const std::uint16_t* panels, PanelShape shape, std::uint16_t* target) {
  for_each_value(panels, shape, [&](std::uint16_t value, Index i, Index j) {
    target[i * shape.cols + j] = value;
  });
}
void unpack_int8(const std::uint8_t* panels, PanelShape shape, std::int8_t* target) {
  for_each_value(panels, shape, [&](std::uint8_t value, Index i, Index j) {
    target[i * shape.cols + j] = Int8Panels::load(value);
  });
}

}  // namespace gatewise
