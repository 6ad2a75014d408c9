// A sparse autoencoder of one wide layer: it reconstructs a row as a sum of few decoder rows.
#pragma once

#include "codes/code_search.h"
#include "core/idle_pool.h"
#include "core/parallel.h"
#include "layers/dictionary/dictionary_update.h"
#include "layers/dictionary/reconstruction_loss.h"
#include "layers/dictionary/routed_encoder.h"

namespace gatewise {

// With u = s (x - c) - b, or s (x - c) where `subtract_bias` is off:
//   z = f(u W_e + b_e)               f: the activation; values up to the threshold are 0
//   y = (z W_d + b) / s + c
// c [d] and s are not trained. Gradients are those of s^2 times the loss, the loss on standardized
// rows: the effect of a learning rate and of Adam's epsilon does not depend on the scale of x.
// (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", section 2.3.)
//
// With several experts, each has a part of the latents (routed_encoder.h): the weight of a row's
// expert multiplies its z. Inactive experts are not updated unless `dense_updates` is set; all
// experts share one step count.
//
// Training adds to the loss: the activation's penalty, the router's balance losses, and the errors
// of further reconstructions (reconstruction_loss.h).
class SparseDictionary final : public Layer {
 public:
  explicit SparseDictionary(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) override;
  void update_measured(void* saved, UpdateSink& sink, Arena& arena) override;
  void finish_step(void* saved, bool updated) override;
  void finish_replacement(bool kept) override;
  std::vector<Index>* training_load() override { return &training_load_; }

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
  void decode(const SparseRows& codes, Index rows, float* y, Index stride) const {
    arrays().reconstruct(codes, rows, y, stride);
  }
  // The reconstruction whose inner products with queries are the scores of a search.
  SearchQueries::Reconstruction reconstruction() const;
  Index latents() const { return latents_; }

 protected:
  Index declare(const std::vector<Index>& input_widths) override;
  void start_values() override;

 private:
  struct Saved;

  DictionaryArrays arrays() const { return parameters_.arrays(block_); }
  CodeInput code_input(float* u, Index rows, bool training) const;
  float* standardized_input(const Rows& x, Index rows, Arena& arena) const;
  void find_codes(Saved& saved, Index rows, const RunInfo& info, Arena& arena) const;
  LossGradients loss_gradients(const BackwardPass& pass, const Saved& saved,
                               const DictionaryArrays& arrays) const;
  CodeTerm code_term(const BackwardPass& pass, Saved& saved, const LossGradients& gradients) const;
  void add_step_terms(const BackwardPass& pass, const Saved& saved, LossGradients& gradients) const;
  void add_input_gradient(const Saved& saved, const LossGradients& gradients,
                          const GradientSlot& slot, Arena& arena) const;

  Index latents_;
  float threshold_;
  std::unique_ptr<CodeActivation> activation_;
  std::unique_ptr<RoutedEncoder> routed_;  // null: one expert
  std::vector<std::unique_ptr<ReconstructionLoss>> losses_;
  DictionaryParameters parameters_;
  std::vector<Index> training_load_;
  mutable IdlePool<EncodeWorkspace> workspaces_;
};

}  // namespace gatewise
