// Gradients of a dictionary, latent by latent: each is computed from the rows in which the latent
// is a nonzero and applied at once, so no gradient matrix is ever stored.
#pragma once

#include "core/arena.h"
#include "kernels/update.h"
#include "products/grouped.h"

namespace gatewise {

// The nonzeros of a code sorted by latent: group j of `groups` holds the positions p of latent j.
// For each position, the arrays hold a row of u, a row of d_y and their weights.
struct NonzerosByLatent {
  Groups groups;
  const std::int32_t* u_rows = nullptr;  // [nonzeros]
  const std::int32_t* d_rows = nullptr;  // [nonzeros]
  const float* values = nullptr;         // [nonzeros] z, the weight of d_y in W_d's gradient
  const float* gradients = nullptr;      // [nonzeros] of u W_e, the weight of u in W_e's gradient
};

// A dictionary's arrays: encoder W_e [d, m] in panels and its bias [m], decoder W_d [m, d] in rows
// of `decoder_stride` floats.
struct DictionaryTargets {
  PanelShape encoder_shape;
  const float* decoder_rows = nullptr;  // read; the target of kStore has no weights
  Index decoder_stride = 0;
  UpdateTarget encoder = {}, decoder = {};
  // If true, the encoder is the decoder's transpose: `encoder` is unused, and its panels are
  // written to `tied_encoder` (null if the decoder's gradient is stored).
  bool is_tied = false;
  float* tied_encoder = nullptr;
  bool unit_norm = false;

  bool measures() const { return decoder.rule.use == GradientUse::kMeasure; }
  bool writes() const { return !measures() && decoder.rule.use != GradientUse::kStore; }

  bool lazy = false;  // if true, latents without nonzeros are not updated
  // If the targets are kMeasure: the squared norms of each latent's gradients, [2, latents], of W_e
  // and of W_d.
  float* squares = nullptr;
  // [experts] nonzero if the expert is not updated; null: no experts. Each has `expert_panels`
  // panels.
  const char* inactive = nullptr;
  Index expert_panels = 0;
};

// Updates every latent j (unless `lazy`, also one without nonzeros) with
//   d W_e[:, j] = sum_p gradients[p] u[u_rows[p]],   d W_d[j] = sum_p values[p] d_y[d_rows[p]],
// each a sequential sum over ascending p; if tied, with the sum of both. With unit_norm the
// component of the gradient of W_d[j] along W_d[j] is removed first, and the updated row is scaled
// to norm 1. If a gradient is stored, the caller that applies it must scale the row and copy the
// tied encoder. u and d_y are [rows, stride] with d values per row; threads share panels of 16
// latents.
void update_latents(const NonzerosByLatent& nonzeros, const float* u, const float* d_y,
                    Index stride, const DictionaryTargets& targets, Arena& arena);

// W_e = W_d^T: encoder [d, m] in panels, decoder [m, decoder_stride] rows of d values.
void transpose_to_encoder(const float* decoder, Index decoder_stride, const PanelShape& shape,
                          float* encoder, Arena& arena);

// Scales each row of w [rows, stride], `width` values, to norm 1; a row of zeros stays zero.
void normalize_rows(float* w, Index stride, Index rows, Index width);

}  // namespace gatewise
