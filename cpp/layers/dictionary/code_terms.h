// Gradients of a dictionary as sums over the nonzeros of one or more codes.
#pragma once

#include "codes/code_activation.h"
#include "codes/latent_gradient.h"

namespace gatewise {

// Latents in nested prefixes: group g holds latents ends[g - 1] to ends[g] - 1.
struct LatentGroups {
  const Index* ends = nullptr;
  Index count = 1;

  Index of(Index latent) const {
    Index group = 0;
    while (group + 1 < count && latent >= ends[group]) ++group;
    return group;
  }
};

// One code's part of the gradients. Row i of the code uses row u_row + i of the encoder's inputs
// and row d_row + g * codes.rows + i of the gradients of the reconstruction, where g is the group
// of the latent.
struct CodeTerm {
  Codes codes;
  const float* values = nullptr;     // [nonzeros] factors of reconstruction gradients (decoder)
  const float* gradients = nullptr;  // [nonzeros] of u W_e: factors of u, for the encoder
  const float* bias_gradients = nullptr;  // [nonzeros] of b_e
  CodeGradients::ParameterGradient parameter_gradients[2] = {};
  Index u_row = 0;
  Index d_row = 0;
  LatentGroups groups = {};
};

// The nonzeros of all terms sorted by latent, then by term, then by row; and the sums of each
// latent's gradients, [latents].
struct SortedTerms {
  NonzerosByLatent nonzeros;
  const float* gradient_sums = nullptr;
  const float* bias_sums = nullptr;
  const float* parameter_sums[2] = {};
};

SortedTerms sort_terms(const CodeTerm* terms, Index count, Index latents, Arena& arena);

}  // namespace gatewise
