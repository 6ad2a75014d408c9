// A sparse autoencoder of one wide layer: a row as the sum of few rows of a dictionary.
#pragma once

#include "codes/code_activation.h"
#include "codes/code_search.h"
#include "core/idle_pool.h"
#include "core/parallel.h"
#include "layers/code_terms.h"
#include "layers/layer.h"
#include "routing/router.h"

namespace gatewise {

// With u = s (x - c) - b, or s (x - c) where `subtract_bias` is off:
//   z = f(u W_e + b_e)               f: the activation; what does not exceed the threshold is 0
//   y = (z W_d + b) / s + c
// c [d] and s are not trained. Slopes are those of the loss in units of s x, s^2 times the loss: a
// learning rate and Adam's epsilon then mean the same whatever the unit of x.
// (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", section 2.3.)
//
// With several experts, each has a part of the latents: a router gives a row one of them and z its
// weight as a factor, and no other is computed (Mudide et al. 2024, "Efficient dictionary learning
// with switch sparse autoencoders", section 3). An expert that no row of a step chose rests; steps
// are counted for all of them together.
//
// Training adds to the loss: the activation's penalty and the router's balance; the errors of the
// reconstructions from prefixes of the latents (Bussmann et al. 2025, "Learning multi-level
// features with Matryoshka sparse autoencoders", eq. 4); and that of what latents which have been
// idle could explain of the remaining error, which stands still for it (Gao et al. 2024, appendix
// A.2).
class SparseDictionary final : public Layer {
 public:
  explicit SparseDictionary(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) const override;
  void update_measured(void* saved, UpdateSink& sink, Arena& arena) const override;
  void finish_step(void* saved) override;

  // Memory of an encoding, kept from one to the next.
  struct EncodeWorkspace {
    Standby standby;
    Arena arena;
  };
  IdlePool<EncodeWorkspace>& workspaces() const { return workspaces_; }
  // The codes of dense rows. `refit`: with the values that reconstruct the rows best, which needs
  // codes above 0.
  Codes encode(const Rows& x, Index rows, bool refit, Arena& arena) const;
  // y [codes.rows, stride] of codes whose latents are below `latents()`.
  void decode(const SparseRows& codes, Index rows, float* y, Index stride) const;
  // What the scores of a search are inner products with.
  SearchQueries::Reconstruction reconstruction() const {
    return {.decoder = block_.slice(decoder_),
            .stride = decoder_stride(),
            .width = width_,
            .bias = block_.slice(decoder_bias_),
            .center = block_.slice(center_),
            .scale = 1.0f / scale()};
  }
  Index latents() const { return latents_; }

 protected:
  Index declare(const std::vector<Index>& input_widths) override;

 private:
  struct Saved;

  float scale() const { return block_.slice(scale_)[0]; }
  Index stride() const { return round_up(width_, kPanelWidth); }
  Index decoder_stride() const { return block_.at(decoder_).row_floats(); }
  // One group where the prefixes' reconstructions are compared with nothing.
  LatentGroups groups(const Saved& saved) const;
  CodeInput code_input(float* u, Index rows, bool training) const;
  float* standardized_input(const Rows& x, Index rows, Arena& arena) const;
  void find_codes(Saved& saved, Index rows, const RunInfo& info, Arena& arena) const;
  void find_expert_codes(Saved& saved, Index rows, const RunInfo& info, Arena& arena) const;
  void decode_prefixes(Saved& saved, const ForwardPass& pass) const;
  void decode_gates(Saved& saved, const ForwardPass& pass) const;
  void decode_dead(Saved& saved, const ForwardPass& pass) const;
  void add_losses(Saved& saved, ForwardPass& pass) const;

  float* scaled_gradients(const BackwardPass& pass, const Saved& saved) const;
  Index make_terms(BackwardPass& pass, Saved& saved, float* d_rows, CodeTerm* terms) const;
  CodeTerm main_term(BackwardPass& pass, Saved& saved, const float* d_rows) const;
  void expert_weights_backward(BackwardPass& pass, Saved& saved, float* gradients) const;
  void update(BackwardPass& pass, Saved& saved, const CodeTerm& main) const;
  DictionaryTargets targets(const Saved& saved, const UpdateTarget& decoder) const;
  const char* inactive_experts(const Saved& saved, UpdateSink& sink, Arena& arena) const;
  void update_vector(UpdateSink& sink, int parameter, const float* sums, const Saved& saved) const;
  void update_measured_vector(int parameter, const float* sums, const Saved& saved,
                              UpdateSink& sink, Arena& arena) const;
  void apply_to_latents(const UpdateTarget& target, const float* sums, const Saved& saved) const;
  float* bias_through_encoder(const Saved& saved, Arena& arena) const;
  void update_bias(BackwardPass& pass, const Saved& saved) const;
  void add_input_gradient(const Saved& saved, const CodeTerm* terms, Index count,
                          const GradientSlot& slot, Arena& arena) const;

  Index latents_;
  float threshold_;
  bool unit_norm_, subtract_bias_, tied_, lazy_;
  std::vector<Index> prefixes_;  // the last one is all latents
  Index dead_k_;  // 0: no loss for dead latents; -1, until the width is known: half of it
  float dead_weight_;
  double dead_rows_;
  std::unique_ptr<CodeActivation> activation_;
  std::unique_ptr<Router> router_;  // null: one expert
  mutable IdlePool<EncodeWorkspace> workspaces_;
  Index width_ = 0;
  int encoder_ = -1, encoder_bias_ = -1, decoder_ = -1, decoder_bias_ = -1;
  int center_ = -1, scale_ = -1, idle_rows_ = -1;
};

}  // namespace gatewise
