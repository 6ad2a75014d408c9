// Y = f(X W + b) with W in int8 and the rows of X rounded to int8; all sums are integer sums.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/forward_product.h"

namespace gatewise {

// Rows as integers from -127 to 127 with one scale each: x[i, k] is approximately value * scale.
// Row i is stored at index slot[i], so that a row that goes to several experts is stored once.
struct Int8Rows {
  const std::int16_t* values = nullptr;  // [slots, depth], with a zero after an odd depth
  Index stride = 0;                      // even
  const float* scales = nullptr;         // [slots]
  const Index* slot = nullptr;           // null: row i is at index i

  Index slot_of(Index i) const { return slot ? slot[i] : i; }
  const std::int16_t* row(Index i) const { return values + slot_of(i) * stride; }
  float scale(Index i) const { return scales[slot_of(i)]; }
};

// The same for CSR rows: row i's values belong to its column indices in `x`.
struct Int8SparseRows {
  SparseRows x;
  const std::int16_t* values = nullptr;
  const Index* offsets = nullptr;  // [slots]: index of a row's first value
  const float* scales = nullptr;   // [slots]
  const Index* slot = nullptr;

  Index slot_of(Index i) const { return slot ? slot[i] : i; }
};

// Returns the scale of a row x [count]: max |x| / 127; 0 if that is not a normal number, so that
// tiny rows count as zero; NaN if a value is NaN or infinite.
float int8_scale(const float* x, Index count);

// values[k] = x[k] / scale rounded to nearest, ties to even; zero if the scale is 0 or NaN. If
// `count` is odd, one more value is set to zero to complete the last pair.
void to_int8(const float* x, Index count, float scale, std::int16_t* values);

// y[i, j] = f(bias[j] + S row_scale[i] column_scale[j]) with S = sum_k x[i, k] w[k, j] in 32 bits,
// which is exact for a depth of at most kMaxInt8Depth. For rows i of [row_begin, row_end) and the
// columns of panels [panel_begin, panel_end). A NaN scale of a row makes its outputs NaN.
void int8_product(const Int8Rows& x, Index row_begin, Index row_end, const Int8Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue);

// The same for CSR rows.
void sparse_int8_product(const Int8SparseRows& x, Index row_begin, Index row_end,
                         const Int8Panels& w, Index panel_begin, Index panel_end,
                         const Epilogue& epilogue);

}  // namespace gatewise
