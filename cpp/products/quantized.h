// The forward product of `grouped_forward` for weights in int8 or int4.
#pragma once

#include "kernels/int8_product.h"
#include "products/grouped.h"

namespace gatewise {

// y = f(x W_g + b_g) for every row, W_g in int8 or int4. Each distinct row of x is rounded once,
// before the products, into `arena`; its rounded values depend on no other row.
void grouped_quantized_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                               const Epilogue& epilogue, Arena& arena);

// Rows of a block rounded to int8, in memory of its thread.
class RoundedRows {
 public:
  // Floats of memory for `rows` rows of up to `width` values.
  static Index floats(Index rows, Index width);
  RoundedRows(float* memory, Index rows, Index width);

  // The rows [0, count) of x; those of the last call, if it had the same first row.
  Int8Rows round(const Rows& x, Index count, Index width);

 private:
  float* scales_;
  std::int32_t* corrections_;
  std::int8_t* values_;  // of one row
  std::byte* rows_;
  const float* last_ = nullptr;
};

// y = f(x W_g + b_g) for rows [0, rows) of dense x, on the calling thread, W_g in int8 or int4.
void quantized_multiply(const Rows& x, Index rows, const GroupedWeights& weights, Index g,
                        const Epilogue& epilogue, RoundedRows& rounded);

}  // namespace gatewise
