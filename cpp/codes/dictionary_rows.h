// Sums over the nonzeros of a row of a code: of decoder rows or of encoder columns.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// y[j] += scale sum_e values[e] W_d[latents[e], j] over the nonzeros of row i; y [width].
void add_decoder_rows(const Codes& codes, Index i, const StoredRows& decoder, float scale,
                      float* y);

// y[j] += scale sum_e gradients[e] W_e[j, latents[e]] over the nonzeros of row i; y [d].
void add_encoder_columns(const Panels& encoder, const Codes& codes, const float* gradients,
                         float scale, Index i, float* y);

// gradients[e] = d_y[i] . W_d[latents[e]] for every nonzero e of every row i; d_y [rows, stride].
// W_d is in float32.
void decoder_input_gradient(const Codes& codes, const float* d_y, Index stride,
                            const StoredRows& decoder, float* gradients);

}  // namespace gatewise
