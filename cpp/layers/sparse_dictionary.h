// A sparse autoencoder of one wide layer: it reconstructs a row as a sum of few decoder rows.
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
//   z = f(u W_e + b_e)               f: the activation; values up to the threshold are 0
//   y = (z W_d + b) / s + c
// c [d] and s are not trained. Gradients are those of s^2 times the loss, the loss on standardized
// rows: the effect of a learning rate and of Adam's epsilon does not depend on the scale of x.
// (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", section 2.3.)
//
// With several experts, each has a part of the latents. A router assigns one expert to each row,
// its weight multiplies z, and no other expert is computed (Mudide et al. 2024, "Efficient
// dictionary learning with switch sparse autoencoders", section 3). Inactive experts are not
// updated unless `dense_updates` is set; all experts share one step count.
//
// Training adds to the loss: the activation's penalty and the router's balance losses; the errors
// of the reconstructions from prefixes of the latents (Bussmann et al. 2025, "Learning multi-level
// features with Matryoshka sparse autoencoders", eq. 4); and the AuxK loss, the error with which
// dead latents reconstruct the residual, which is held constant (Gao et al. 2024, appendix A.2).
class SparseDictionary final : public Layer {
 public:
  explicit SparseDictionary(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) override;
  void update_measured(void* saved, UpdateSink& sink, Arena& arena) override;
  void finish_step(void* saved) override;

  // Memory of `encode`, kept from call to call.
  struct EncodeWorkspace {
    Standby standby;
    Arena arena;
  };
  IdlePool<EncodeWorkspace>& workspaces() const { return workspaces_; }
  // Returns the codes of dense rows. `refit`: recomputes their values by non-negative least
  // squares, which needs values above 0.
  Codes encode(const Rows& x, Index rows, bool refit, Arena& arena) const;
  // y [rows, stride] = the rows that the codes reconstruct; their latents must be below
  // `latents()`.
  void decode(const SparseRows& codes, Index rows, float* y, Index stride) const;
  // The reconstruction whose inner products with queries are the scores of a search.
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
  // The groups of the prefixes, or one group if their reconstructions have no target.
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
  std::vector<Index> prefixes_;  // the last one holds all latents
  Index dead_k_;                 // 0: no AuxK loss; -1: half of the width, set by `declare`
  float dead_weight_;
  double dead_rows_;
  std::unique_ptr<CodeActivation> activation_;
  std::unique_ptr<Router> router_;  // null: one expert
  mutable IdlePool<EncodeWorkspace> workspaces_;
  Index width_ = 0;
  int encoder_ = -1, encoder_bias_ = -1, decoder_ = -1, decoder_bias_ = -1;
  int center_ = -1, scale_ = -1, rows_since_active_ = -1;
};

}  // namespace gatewise
