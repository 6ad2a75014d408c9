// Values of codes that reconstruct their rows best, on the latents that the codes have.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// The rows w_j of a decoder.
struct DecoderRows {
  const float* data = nullptr;
  Index stride = 0;
  Index width = 0;

  const float* row(Index latent) const { return data + latent * stride; }
};

// Replaces the values z of row i by those that make |t_i - sum_j z_j w_j|^2 smallest among z >= 0,
// and drops nonzeros that come to `threshold` or below; t [codes.rows, stride]. Values descend one
// coordinate at a time from those that are given, which are above 0, until none moves by more than
// 1e-6 of the largest, or 1,000 times (Franc, Hlavac and Navara 2005, "Sequential coordinate-wise
// algorithm for the non-negative least squares problem"): up to rounding, the error never grows.
void refit_codes(const float* t, Index stride, const DecoderRows& decoder, float threshold,
                 Codes& codes, Arena& arena);

}  // namespace gatewise
