// Recomputes the values of codes by non-negative least squares, with the latents fixed.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// Replaces the values z of row i by those that minimise |t_i - sum_j z_j w_j|^2 over z >= 0, w_j
// the rows of the decoder, and drops nonzeros whose value becomes `threshold` or less; t
// [codes.rows, stride]. Coordinate descent from the given values, which are above 0, until no value
// changes by more than 1e-6 of the largest, at most 1,000 sweeps (Franc, Hlavac and Navara 2005,
// "Sequential coordinate-wise algorithm for the non-negative least squares problem"). Up to
// rounding, the error never grows.
void refit_codes(const float* t, Index stride, const StoredRows& decoder, float threshold,
                 Codes& codes, Arena& arena);

}  // namespace gatewise
