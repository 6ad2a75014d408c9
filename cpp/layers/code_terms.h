// The gradients of a dictionary as sums over the nonzeros of one code or several.
#pragma once

#include "codes/code_activation.h"
#include "codes/latent_gradient.h"

namespace gatewise {

// Latents in nested prefixes: group g holds those from ends[g - 1] on, below ends[g].
struct LatentGroups {
  const Index* ends = nullptr;
  Index count = 1;

  Index of(Index latent) const {
    Index group = 0;
    while (group + 1 < count && latent >= ends[group]) ++group;
    return group;
  }
};

// One code's part. Row i of the code reads row u_row + i of the encoder's inputs, and row d_row + i
// of the gradients by the reconstruction; latents of group g those that lie g * codes.rows further
// on.
struct CodeTerm {
  Codes codes;
  const float* values = nullptr;          // [nonzeros] weigh the gradients, for the decoder
  const float* gradients = nullptr;       // [nonzeros] by u W_e: weigh u, for the encoder
  const float* bias_gradients = nullptr;  // [nonzeros] by b_e
  CodeGradients::ParameterGradient parameter_gradients[2];
  Index u_row = 0;
  Index d_row = 0;
  LatentGroups groups;
};

// The nonzeros of all terms by latent, in the order of the terms and then of their rows, and what
// each latent's gradients add up to, [latents].
struct SortedTerms {
  NonzerosByLatent nonzeros;
  const float* gradient_sums = nullptr;
  const float* bias_sums = nullptr;
  const float* parameter_sums[2] = {};
};

SortedTerms sort_terms(const CodeTerm* terms, Index count, Index latents, Arena& arena);

}  // namespace gatewise
