#include "layers/dictionary/code_terms.h"

#include <algorithm>

#include "routing/dispatch.h"

namespace gatewise {
namespace {

// The concatenated nonzeros of all terms. The nonzeros of a single term are used without a copy.
struct Joined {
  Choice choice;
  const Index* first_rows = nullptr;      // [terms + 1]
  const Index* first_nonzeros = nullptr;  // [terms + 1]
};

Joined join(const CodeTerm* terms, Index count, Arena& arena) {
  Joined joined;
  Index* rows = arena.take<Index>(count + 1);
  Index* nonzeros = arena.take<Index>(count + 1);
  rows[0] = nonzeros[0] = 0;
  for (Index t = 0; t < count; ++t) {
    rows[t + 1] = rows[t] + terms[t].codes.rows;
    nonzeros[t + 1] = nonzeros[t] + terms[t].codes.nonzeros();
  }
  joined.first_rows = rows;
  joined.first_nonzeros = nonzeros;
  Choice& choice = joined.choice;
  choice.rows = rows[count];
  if (count == 1) {
    choice.offsets = terms[0].codes.offsets;
    choice.experts = terms[0].codes.latents;
    return joined;
  }
  choice.offsets = arena.take<Index>(choice.rows + 1);
  choice.experts = arena.take<std::int32_t>(nonzeros[count]);
  choice.offsets[0] = 0;
  for (Index t = 0; t < count; ++t) {
    const Codes& codes = terms[t].codes;
    for (Index i = 0; i < codes.rows; ++i)
      choice.offsets[rows[t] + i + 1] = nonzeros[t] + codes.offsets[i + 1];
    std::copy_n(codes.latents, codes.nonzeros(), choice.experts + nonzeros[t]);
  }
  return joined;
}

}  // namespace

SortedTerms sort_terms(const CodeTerm* terms, Index count, Index latents, Arena& arena) {
  const Joined joined = join(terms, count, arena);
  const Dispatch dispatch = make_dispatch(joined.choice, latents, arena, false);
  const Index nonzeros = joined.choice.num_assignments(), padded = round_up(latents, kPanelWidth);
  auto* u_rows = arena.take<std::int32_t>(nonzeros);
  auto* d_rows = arena.take<std::int32_t>(nonzeros);
  float* values = arena.take<float>(nonzeros);
  float* gradients = arena.take<float>(nonzeros);
  float* gradient_sums = arena.take<float>(padded);
  bool has_bias_gradients = false;
  float* parameter_sums[2] = {};
  for (Index t = 0; t < count; ++t) {
    has_bias_gradients |= terms[t].bias_gradients != terms[t].gradients;
    for (int o = 0; o < 2; ++o)
      if (terms[t].parameter_gradients[o].gradients && !parameter_sums[o])
        parameter_sums[o] = arena.take<float>(padded);
  }
  float* bias_sums = has_bias_gradients ? arena.take<float>(padded) : gradient_sums;
  parallel_for(latents, 16, [&](Index begin, Index end) {
    for (Index latent = begin; latent < end; ++latent) {
      float gradient_sum = 0, bias_sum = 0, parameter_sum[2] = {};
      Index t = 0;
      Index group = terms[0].groups.of(latent);
      for (Index p = dispatch.groups.begin(latent); p < dispatch.groups.end(latent); ++p) {
        const Index joined_nonzero = dispatch.assignment_of[p];
        while (joined_nonzero >= joined.first_nonzeros[t + 1]) group = terms[++t].groups.of(latent);
        const CodeTerm& term = terms[t];
        const Index nonzero = joined_nonzero - joined.first_nonzeros[t];
        const Index row = dispatch.row_of[p] - joined.first_rows[t];
        u_rows[p] = static_cast<std::int32_t>(term.u_row + row);
        d_rows[p] = static_cast<std::int32_t>(term.d_row + group * term.codes.rows + row);
        values[p] = term.values[nonzero];
        gradient_sum += gradients[p] = term.gradients[nonzero];
        if (has_bias_gradients) bias_sum += term.bias_gradients[nonzero];
        for (int o = 0; o < 2; ++o)
          if (term.parameter_gradients[o].gradients)
            parameter_sum[o] += term.parameter_gradients[o].gradients[nonzero];
      }
      gradient_sums[latent] = gradient_sum;
      if (has_bias_gradients) bias_sums[latent] = bias_sum;
      for (int o = 0; o < 2; ++o)
        if (parameter_sums[o]) parameter_sums[o][latent] = parameter_sum[o];
    }
  });
  return {{dispatch.groups, u_rows, d_rows, values, gradients},
          gradient_sums,
          bias_sums,
          {parameter_sums[0], parameter_sums[1]}};
}

}  // namespace gatewise
