// Between row-major matrices and panels of 2 or 1 byte a value: the one place where weights are
// rounded.
//
// Row-major arrays are [rows, cols] of `shape`; padding of the panels becomes zero.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// Rounds finite values.
void quantize_bfloat16(const float* source, PanelShape shape, std::uint16_t* panels);

// The same in int8: scale[j] = max_i |w[i, j]| / 127, and each value is w / scale rounded to
// nearest even; scale and values of a column are 0 where that scale is no normal number.
void quantize_int8(const float* source, PanelShape shape, std::int8_t* panels, float* scale);

// The stored values as float32.
void dequantize_bfloat16(const std::uint16_t* panels, PanelShape shape, float* target);
void dequantize_int8(const std::int8_t* panels, const float* scale, PanelShape shape,
                     float* target);

// The stored values as they are.
void pack_bfloat16(const std::uint16_t* source, PanelShape shape, std::uint16_t* panels);
void pack_int8(const std::int8_t* source, PanelShape shape, std::int8_t* panels);
void unpack_bfloat16(const std::uint16_t* panels, PanelShape shape, std::uint16_t* target);
void unpack_int8(const std::int8_t* panels, PanelShape shape, std::int8_t* target);

}  // namespace gatewise
