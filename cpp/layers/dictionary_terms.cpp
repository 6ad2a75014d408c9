#include "layers/dictionary_terms.h"

#include <algorithm>

#include "routing/dispatch.h"

namespace gatewise {
namespace {

// All terms' entries behind one another; a single term's are taken as they lie.
struct Joined {
  Choice choice;
  const Index* first_rows = nullptr;     // [terms + 1]
  const Index* first_entries = nullptr;  // [terms + 1]
};

Joined join(const CodeTerm* terms, Index count, Arena& arena) {
  Joined joined;
  Index* rows = arena.take<Index>(count + 1);
  Index* entries = arena.take<Index>(count + 1);
  rows[0] = entries[0] = 0;
  for (Index t = 0; t < count; ++t) {
    rows[t + 1] = rows[t] + terms[t].codes.rows;
    entries[t + 1] = entries[t] + terms[t].codes.entries();
  }
  joined.first_rows = rows;
  joined.first_entries = entries;
  Choice& choice = joined.choice;
  choice.rows = rows[count];
  if (count == 1) {
    choice.offsets = terms[0].codes.offsets;
    choice.experts = terms[0].codes.latents;
    return joined;
  }
  choice.offsets = arena.take<Index>(choice.rows + 1);
  choice.experts = arena.take<std::int32_t>(entries[count]);
  choice.offsets[0] = 0;
  for (Index t = 0; t < count; ++t) {
    const Codes& codes = terms[t].codes;
    for (Index i = 0; i < codes.rows; ++i)
      choice.offsets[rows[t] + i + 1] = entries[t] + codes.offsets[i + 1];
    std::copy_n(codes.latents, codes.entries(), choice.experts + entries[t]);
  }
  return joined;
}

}  // namespace

SortedTerms sort_terms(const CodeTerm* terms, Index count, Index latents, Arena& arena) {
  const Joined joined = join(terms, count, arena);
  const Dispatch dispatch = make_dispatch(joined.choice, latents, arena, false);
  const Index entries = joined.choice.num_assignments(), padded = round_up(latents, kPanelWidth);
  auto* u_rows = arena.take<std::int32_t>(entries);
  auto* d_rows = arena.take<std::int32_t>(entries);
  float* values = arena.take<float>(entries);
  float* slopes = arena.take<float>(entries);
  float* slope_sums = arena.take<float>(padded);
  bool has_bias_slopes = false;
  float* own_sums[2] = {};
  for (Index t = 0; t < count; ++t) {
    has_bias_slopes |= terms[t].bias_slopes != terms[t].slopes;
    for (int o = 0; o < 2; ++o)
      if (terms[t].own[o].slopes && !own_sums[o]) own_sums[o] = arena.take<float>(padded);
  }
  float* bias_sums = has_bias_slopes ? arena.take<float>(padded) : slope_sums;
  parallel_for(latents, 16, [&](Index begin, Index end) {
    for (Index latent = begin; latent < end; ++latent) {
      float slope_sum = 0, bias_sum = 0, own_sum[2] = {};
      Index t = 0;
      Index group = terms[0].groups.of(latent);
      for (Index p = dispatch.groups.begin(latent); p < dispatch.groups.end(latent); ++p) {
        const Index joined_entry = dispatch.assignment_of[p];
        while (joined_entry >= joined.first_entries[t + 1]) group = terms[++t].groups.of(latent);
        const CodeTerm& term = terms[t];
        const Index entry = joined_entry - joined.first_entries[t];
        const Index row = dispatch.row_of[p] - joined.first_rows[t];
        u_rows[p] = static_cast<std::int32_t>(term.u_row + row);
        d_rows[p] = static_cast<std::int32_t>(term.d_row + group * term.codes.rows + row);
        values[p] = term.values[entry];
        slope_sum += slopes[p] = term.slopes[entry];
        if (has_bias_slopes) bias_sum += term.bias_slopes[entry];
        for (int o = 0; o < 2; ++o)
          if (term.own[o].slopes) own_sum[o] += term.own[o].slopes[entry];
      }
      slope_sums[latent] = slope_sum;
      if (has_bias_slopes) bias_sums[latent] = bias_sum;
      for (int o = 0; o < 2; ++o)
        if (own_sums[o]) own_sums[o][latent] = own_sum[o];
    }
  });
  return {{dispatch.groups, u_rows, d_rows, values, slopes},
          slope_sums,
          bias_sums,
          {own_sums[0], own_sums[1]}};
}

}  // namespace gatewise
