// Gradients of a dictionary, latent by latent: each is made from the rows that chose the latent and
// is used up at once, so no gradient matrix is ever stored.
#pragma once

#include "core/arena.h"
#include "kernels/update.h"
#include "products/grouped.h"

namespace gatewise {

// What the gradients are made from. Entries are sorted by latent: group j of `groups` holds
// positions of latent j, and at position p stand its rows and what weighs them.
struct NonzerosByLatent {
  Groups groups;
  const std::int32_t* u_rows = nullptr;  // [nonzeros]
  const std::int32_t* d_rows = nullptr;  // [nonzeros]
  const float* values = nullptr;         // [nonzeros] z, which weighs d_y for the decoder
  const float* gradients = nullptr;      // [nonzeros] the gradient by u W_e, which weighs u
};

// A dictionary's arrays: encoder W_e [d, m] in panels and its bias [m], decoder W_d [m, d] in rows
// of `decoder_stride` floats.
struct DictionaryTargets {
  PanelShape encoder_shape;
  const float* decoder_rows = nullptr;  // read: a stored gradient's target has no weights
  Index decoder_stride = 0;
  UpdateTarget encoder = {}, decoder = {};
  // The encoder is the decoder's transpose: there is no `encoder`, and its panels are written here
  // (null where the decoder's gradient is stored).
  bool is_tied = false;
  float* tied_encoder = nullptr;
  bool unit_norm = false;

  bool measures() const { return decoder.rule.kind == UpdateKind::kMeasure; }
  bool writes() const { return !measures() && decoder.rule.kind != UpdateKind::kStore; }

  bool lazy = false;  // latents without nonzeros are left alone
  // Where the targets are kMeasure: the squared lengths of each latent's gradients, [2, latents],
  // of W_e and of W_d.
  float* squares = nullptr;
  // Of each expert, which has so many panels: whether it is left alone; null: no experts.
  const char* inactive = nullptr;
  Index expert_panels = 0;
};

// Updates every latent j, one without nonzeros too unless `lazy`, with
//   d W_e[:, j] = sum_p gradients[p] u[u_rows[p]],   d W_d[j] = sum_p values[p] d_y[d_rows[p]],
// each one chain over p upwards; tied, with their sum. With unit_norm the part of a gradient of
// W_d[j] along W_d[j] is taken out first, and the updated row is scaled to length 1. Where a
// gradient is stored, whoever applies it has to scale, and to copy a tied encoder. u and d_y are
// [rows, stride] of d values; threads share out panels of 16 latents.
void update_latents(const NonzerosByLatent& nonzeros, const float* u, const float* d_y,
                    Index stride, const DictionaryTargets& targets, Arena& arena);

// W_e = W_d^T, panel by panel.
void transpose_to_encoder(const float* decoder, Index decoder_stride, const PanelShape& shape,
                          float* encoder, Arena& arena);

// Scales each of `rows` rows of `width` values to length 1; a row of zeros stays.
void normalize_rows(float* w, Index stride, Index rows, Index width);

}  // namespace gatewise
