// Sums over some rows of a matrix: decoding a sparse code and its slopes, the gradient of a latent.
#pragma once

#include "core/types.h"

namespace gatewise {

// y[j] = start[j] + sum_e weights[e] x[rows[e], j] for j of [0, width): in one chain of `fma` over
// e upwards, from start[j] (null: 0). x rows are `stride` floats apart; `width` of them are read,
// and up to a register more. y [width] may be start, not x.
void weighted_rows(const float* x, Index stride, const std::int32_t* rows, const float* weights,
                   Index count, const float* start, float* y, Index width);

// products[e] = y . x[rows[e]] for e of [0, count), each with the bits of `dot`.
void dots_with_rows(const float* x, Index stride, const std::int32_t* rows, Index count,
                    const float* y, float* products, Index width);

}  // namespace gatewise
