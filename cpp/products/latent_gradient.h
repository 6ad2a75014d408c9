// Gradients of a dictionary, latent by latent: each is made from the rows that chose the latent and
// is used up at once, so no gradient matrix is ever stored.
#pragma once

#include "core/arena.h"
#include "kernels/update.h"
#include "products/grouped.h"

namespace gatewise {

// What the gradients are made from. Entries are sorted by latent: group j of `groups` holds
// positions of latent j, and at position p stand its row and the slopes that weigh it.
struct LatentEntries {
  Groups groups;
  const std::int32_t* rows = nullptr;  // [entries]
  const float* values = nullptr;       // [entries] z, which weighs d_y for the decoder
  const float* slopes = nullptr;       // [entries] the slope by z, which weighs u for the encoder
  const float* slope_sums = nullptr;   // [latents] of each latent's entries
};

// A dictionary's arrays: encoder W_e [d, m] in panels and its bias [m], decoder W_d [m, d] in rows
// of `decoder_stride` floats.
struct DictionaryTargets {
  PanelShape encoder_shape;
  const float* decoder_rows = nullptr;  // read: a stored gradient's target has no weights
  Index decoder_stride = 0;
  UpdateTarget encoder, encoder_bias, decoder;
  bool unit_norm = false;
};

// Updates every latent j, one without entries too, with
//   d W_e[:, j] = sum_p slopes[p] u[rows[p]],   d b_e[j] = slope_sums[j],
//   d W_d[j] = sum_p values[p] d_y[rows[p]],
// each one chain over p upwards. With unit_norm the part of d W_d[j] along W_d[j] is taken out
// first, and the updated row is scaled to length 1 (unless the gradient is stored: then whoever
// applies it has to). u and d_y are [rows, stride] of d values; threads share out panels of 16
// latents.
void update_latents(const LatentEntries& entries, const float* u, const float* d_y, Index stride,
                    const DictionaryTargets& targets, Arena& arena);

// Scales each of `rows` rows of `width` values to length 1; a row of zeros stays.
void normalize_rows(float* w, Index stride, Index rows, Index width);

}  // namespace gatewise
