// A weighted sum of some rows of a matrix: decoding a sparse code, and the gradient of one latent.
#pragma once

#include "core/types.h"

namespace gatewise {

// y[j] = start[j] + sum_e weights[e] x[rows[e], j] for j of [0, width): in one chain of `fma` over
// e upwards, from start[j] (null: 0). x rows are `stride` floats apart; `width` of them are read,
// and up to a register more. y [width] may be start, not x.
void weighted_rows(const float* x, Index stride, const std::int32_t* rows, const float* weights,
                   Index count, const float* start, float* y, Index width);

}  // namespace gatewise
