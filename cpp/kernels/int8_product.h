// Y = f(X W + b) with W in int8 and the rows of X rounded to int8: all sums are of whole numbers.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/forward_product.h"

namespace gatewise {

// Rows as whole numbers from -127 to 127 and a scale each: x[i, k] is about value * scale. Row i is
// the one numbered slot[i], so that a row that goes to several experts is there once.
struct Int8Rows {
  const std::int16_t* values = nullptr;  // [slots, depth], the value behind an odd depth zero
  Index stride = 0;                      // even
  const float* scales = nullptr;         // [slots]
  const Index* slot = nullptr;           // or null: i

  Index slot_of(Index i) const { return slot ? slot[i] : i; }
  const std::int16_t* row(Index i) const { return values + slot_of(i) * stride; }
  float scale(Index i) const { return scales[slot_of(i)]; }
};

// The same for CSR rows: row i's values belong to its columns in `x`.
struct Int8SparseRows {
  SparseRows x;
  const std::int16_t* values = nullptr;
  const Index* offsets = nullptr;  // [slots]: where a row's values begin
  const float* scales = nullptr;   // [slots]
  const Index* slot = nullptr;

  Index slot_of(Index i) const { return slot ? slot[i] : i; }
};

// The scale of a row x [count], max |x| / 127; 0 where that is no normal slot_of, so that tiny rows
// count as zero; NaN where a value is NaN or infinite.
float int8_scale(const float* x, Index count);

// values[k] = x[k] / scale rounded to nearest even, zero where the scale is 0 or NaN. Where
// `count` is odd one value more is set to zero, which pairs the last.
void to_int8(const float* x, Index count, float scale, std::int16_t* values);

// y[i, j] = f(bias[j] + S row_scale[i] column_scale[j]), S = sum_k x[i, k] w[k, j] in 32 bits,
// exact for a depth of at most kMaxInt8Depth, for rows i of [row_begin, row_end) and the columns
// of the panels [panel_begin, panel_end). A row's scale of NaN makes its outputs NaN.
void int8_product(const Int8Rows& x, Index row_begin, Index row_end, const Int8Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue);

// The same for CSR rows.
void sparse_int8_product(const Int8SparseRows& x, Index row_begin, Index row_end,
                         const Int8Panels& w, Index panel_begin, Index panel_end,
                         const Epilogue& epilogue);

}  // namespace gatewise
