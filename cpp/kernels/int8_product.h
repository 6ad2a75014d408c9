// Y = f(X W + b) with W in int8 and the rows of X rounded to int8; all sums are integer sums.
//
// Weights are stored as w + 128 (core/quantized_panels.h):
//   sum_k x[k] w[k] = sum_k x[k] (w[k] + 128) - 128 sum_k x[k],
// where the last term, the row's correction, is computed once, when the row is rounded. Sums are
// exact modulo 2^32, and their result fits in 32 bits.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/forward_product.h"
#include "kernels/int8_unit.h"

namespace gatewise {

// Bytes of a row of `depth` integers as the unit reads it: quads of four bytes, or the same values
// as 16-bit integers, of each quad x[0], x[2], x[1], x[3]. Missing values of the last quad are 0,
// or of the last 64 for tiles.
Index int8_row_bytes(Index depth, Int8Unit unit);

// Bytes of memory for rows: a tile may read, but does not use, 15 rows after the last one.
Index int8_rows_bytes(Index rows, Index depth, Int8Unit unit);

// Writes such a row and returns its correction.
std::int32_t store_int8_row(const std::int8_t* values, Index depth, Int8Unit unit, std::byte* row);

// Rows as integers from -127 to 127 with one scale each: x[i, k] is approximately value * scale.
// Row i is stored at index slot[i], so that a row that goes to several experts is stored once;
// tiles are used without slots only.
struct Int8Rows {
  Int8Unit unit = Int8Unit::kPairs;
  const std::byte* rows = nullptr;            // [slots], see `store_int8_row`
  Index stride = 0;                           // bytes from one row to the next
  const std::int32_t* corrections = nullptr;  // [slots]
  const float* scales = nullptr;              // [slots]
  const Index* slot = nullptr;                // null: row i is at index i

  Index slot_of(Index i) const { return slot ? slot[i] : i; }
  const std::byte* row(Index i) const { return rows + slot_of(i) * stride; }
};

// CSR rows as integers: row i's values belong to its column indices in `x`.
struct Int8SparseRows {
  SparseRows x;
  const std::int8_t* values = nullptr;
  const Index* offsets = nullptr;             // [slots]: index of a row's first value
  const std::int32_t* corrections = nullptr;  // [slots]
  const float* scales = nullptr;              // [slots]
  const Index* slot = nullptr;

  Index slot_of(Index i) const { return slot ? slot[i] : i; }
};

// -128 times the sum of a row's integers.
std::int32_t int8_correction(const std::int8_t* values, Index count);

// Returns the scale of a row x [count]: max |x| / 127; 0 if that is not a normal number, so that
// tiny rows count as zero; NaN if a value is NaN or infinite.
float int8_scale(const float* x, Index count);

// values[k] = x[k] / scale rounded to nearest, ties to even; zero if the scale is 0 or NaN.
void to_int8(const float* x, Index count, float scale, std::int8_t* values);

// Rows of a block that tiles multiply; fewer are multiplied as quads.
inline constexpr Index kMinRowsOfTiles = 4;

// y[i, j] = f(bias[j] + S row_scale[i] column_scale[j]) with S = sum_k x[i, k] w[k, j] in 32 bits,
// which is exact for a depth of at most kMaxInt8Depth. For rows i of [row_begin, row_end) and the
// columns of panels [panel_begin, panel_end). A NaN scale of a row makes its outputs NaN.
void int8_product(const Int8Rows& x, Index row_begin, Index row_end, const Int8Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue);

// The same for int4 panels and at most kFewInt4Rows rows, whose codes are unpacked in registers;
// not for rows of pairs.
inline constexpr Index kFewInt4Rows = 4;
void int4_product(const Int8Rows& x, Index row_begin, Index row_end, const Int4Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue);

// The same for CSR rows.
void sparse_int8_product(const Int8SparseRows& x, Index row_begin, Index row_end,
                         const Int8Panels& w, Index panel_begin, Index panel_end,
                         const Epilogue& epilogue);

}  // namespace gatewise
