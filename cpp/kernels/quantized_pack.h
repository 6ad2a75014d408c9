// Conversion between row-major matrices and their bfloat16, int8 or int4 form, in panels or padded
// rows.
// The only code that rounds weights.
//
// Row-major arrays are [rows, cols] of `shape`; padding becomes zero.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

struct StoredShape {
  PanelShape size;
  Layout layout;

  StoredShape(PanelShape shape, Layout of = Layout::kPanels) : size(shape), layout(of) {}
};

// Rounds finite values to bfloat16.
void quantize_bfloat16(const float* source, const StoredShape& shape, std::uint16_t* stored);

// Rounds finite values to int8: scale[j] = max_i |w[i, j]| / 127, and each value is w / scale
// rounded to nearest, ties to even. If that scale is not a normal number, scale and values of the
// column are 0. Of rows, row i has scale[i] = max_j |w[i, j]| / 127.
void quantize_int8(const float* source, const StoredShape& shape, std::uint8_t* stored,
                   float* scale);

// An int4 matrix in panels, written.
struct Int4Target {
  std::uint8_t* data;
  std::uint8_t* block_scale;
  float* scale;
  Index block_rows;
};

// Rounds finite values to int4. A column's scale is its largest |w| / (7 kMaxBlockScale), 0 if that
// is not a normal number. A block's scale is the whole number of those, from 1 to kMaxBlockScale,
// whose nearest codes have the least sum of squared errors; the larger one of two. Scales below
// half of the one with which no value is beyond the last code are not tried.
void quantize_int4(const float* source, PanelShape shape, const Int4Target& to);

// Converts the stored values to float32.
void dequantize_bfloat16(const std::uint16_t* stored, const StoredShape& shape, float* target);
void dequantize_int8(const std::uint8_t* stored, const float* scale, const StoredShape& shape,
                     float* target);

void dequantize_int4(const Int4Panels& w, float* target);

// Copies codes from and to row-major bytes [(rows + 1) / 2, cols]: byte (i, j) has row 2 i, plus 8,
// in its lower half and row 2 i + 1 in its upper half. An upper half without a row is ignored,
// or 8.
void pack_int4(const std::uint8_t* source, PanelShape shape, std::uint8_t* panels);
void unpack_int4_codes(const std::uint8_t* panels, PanelShape shape, std::uint8_t* target);

// Copies the stored values without conversion.
void pack_bfloat16(const std::uint16_t* source, const StoredShape& shape, std::uint16_t* stored);
void pack_int8(const std::int8_t* source, const StoredShape& shape, std::uint8_t* stored);
void unpack_bfloat16(const std::uint16_t* stored, const StoredShape& shape, std::uint16_t* target);
void unpack_int8(const std::uint8_t* stored, const StoredShape& shape, std::int8_t* target);

}  // namespace gatewise
