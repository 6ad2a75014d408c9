// Conversion between row-major matrices and bfloat16 or int8 panels. The only code that rounds
// weights.
//
// Row-major arrays are [rows, cols] of `shape`; padding of the panels becomes zero.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// Rounds finite values to bfloat16.
void quantize_bfloat16(const float* source, PanelShape shape, std::uint16_t* panels);

// Rounds finite values to int8: scale[j] = max_i |w[i, j]| / 127, and each value is w / scale
// rounded to nearest, ties to even. If that scale is not a normal number, scale and values of the
// column are 0.
void quantize_int8(const float* source, PanelShape shape, std::uint8_t* panels, float* scale);

// Converts the stored values to float32.
void dequantize_bfloat16(const std::uint16_t* panels, PanelShape shape, float* target);
void dequantize_int8(const std::uint8_t* panels, const float* scale, PanelShape shape,
                     float* target);

// Copies the stored values without conversion.
void pack_bfloat16(const std::uint16_t* source, PanelShape shape, std::uint16_t* panels);
void pack_int8(const std::int8_t* source, PanelShape shape, std::uint8_t* panels);
void unpack_bfloat16(const std::uint16_t* panels, PanelShape shape, std::uint16_t* target);
void unpack_int8(const std::uint8_t* panels, PanelShape shape, std::int8_t* target);

}  // namespace gatewise
