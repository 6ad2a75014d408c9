// Updates of a dictionary's parameters, latent by latent.
#pragma once

#include "codes/latent_gradient.h"
#include "layers/dictionary/code_terms.h"
#include "layers/dictionary/dictionary_arrays.h"

namespace gatewise {

// A dictionary's parameters in its layer's block, and the rules of their updates.
struct DictionaryParameters {
  int encoder = -1, encoder_bias = -1, decoder = -1, decoder_bias = -1;
  int center = -1, scale = -1, rows_since_active = -1;

  bool unit_norm = false;      // rows of W_d keep norm 1
  bool tied = false;           // W_e = W_d^T
  bool lazy = false;           // latents without nonzeros are not updated
  bool subtract_bias = false;  // u holds -b
  Index experts = 1;

  DictionaryArrays arrays(const ParameterBlock& block) const;
};

// The gradients of one step, from which every update is computed.
struct DictionaryGradients {
  SortedTerms sorted;
  const float* u = nullptr;
  const float* d_rows = nullptr;  // of z W_d; the first `rows` rows are those of the output
  Index rows = 0;
  const float* d_u_routed = nullptr;   // [rows, stride] the router's part of d_u, or null
  const Index* expert_rows = nullptr;  // [experts] count of rows, or null: one expert
  // The activation's parameters that `sorted` has sums of, or -1.
  int activation_parameters[2] = {-1, -1};
};

// The updates of one step.
class DictionaryUpdate {
 public:
  DictionaryUpdate(ParameterBlock& block, const DictionaryParameters& parameters,
                   const DictionaryGradients& gradients, UpdateSink& sink, Arena& arena);

  // Updates all parameters, or measures their gradients. Returns whether updates are only stored,
  // to be applied by the caller: `finish_stored` must follow then.
  bool apply() const;

  // Updates the parameters that `apply` measured.
  void apply_measured() const;

  // Restores the norms of decoder rows, if `unit_norm`, and the tied encoder, after stored updates
  // were applied.
  static void finish_stored(ParameterBlock& block, const DictionaryParameters& parameters,
                            bool unit_norm, Arena& arena);

 private:
  DictionaryTargets targets(const UpdateTarget& decoder) const;
  void update_vector(int parameter, const float* sums) const;
  void update_measured_vector(int parameter, const float* sums) const;
  void apply_to_latents(const UpdateTarget& target, const float* sums) const;
  float* bias_through_encoder() const;
  void update_bias() const;
  Index latents() const { return arrays_.latents(); }
  Index latents_per_expert() const { return latents() / parameters_.experts; }

  ParameterBlock& block_;
  const DictionaryParameters& parameters_;
  const DictionaryGradients& gradients_;
  UpdateSink& sink_;
  Arena& arena_;
  DictionaryArrays arrays_;
  const char* inactive_ = nullptr;  // [experts] whether an expert is not updated, or null
};

}  // namespace gatewise
