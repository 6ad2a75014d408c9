// Sums over selected rows of a matrix: to decode a sparse code, and for gradients of codes and
// latents.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// x  row-major with `stride` floats per row; `width` of them are read, and up to a register more.
// rows, weights  [count], read. y  [width], overwritten, may be start, not x.
//   y[j] = start[j] + sum_e weights[e] x[rows[e], j],
// accumulated over e in order with `fma` from start[j] (null: 0).
void weighted_rows(const float* x, Index stride, const std::int32_t* rows, const float* weights,
                   Index count, const float* start, float* y, Index width);

// The same over the x.width columns of rows in any storage type, equal bit for bit to the sums over
// rows widened to float32.
void weighted_rows(const StoredRows& x, const std::int32_t* rows, const float* weights, Index count,
                   const float* start, float* y);

// products[e] = y . x[rows[e]] for e in [0, count), each equal to `dot` bit for bit.
void dots_with_rows(const float* x, Index stride, const std::int32_t* rows, Index count,
                    const float* y, float* products, Index width);

}  // namespace gatewise
