// A sparse autoencoder of one wide layer: a row as the sum of few rows of a dictionary.
#pragma once

#include "layers/layer.h"
#include "products/top_k_codes.h"

namespace gatewise {

// With u = s (x - c) - b:
//   z = the k largest of u W_e + b_e, those at or under the threshold left out
//   y = (z W_d + b) / s + c
// c [d] and s are not trained. Slopes are those of the loss in units of s x, s^2 times the loss: a
// learning rate and Adam's epsilon then mean the same whatever the unit of x.
// (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", section 2.3.)
class SparseDictionary final : public Layer {
 public:
  explicit SparseDictionary(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) const override;
  void finish_step(void* saved) override;

  // The codes of dense rows.
  Codes encode(const Rows& x, Index rows, Arena& arena) const;
  // y [codes.rows, stride] of codes whose latents are below `latents()`.
  void decode(const SparseRows& codes, Index rows, float* y, Index stride) const;
  Index latents() const { return latents_; }

 protected:
  Index declare(const std::vector<Index>& input_widths) override;

 private:
  struct Saved;

  float scale() const { return block_.slice(scale_)[0]; }
  float* centred(const Rows& x, Index rows, Arena& arena) const;
  Codes codes_of(const float* u, Index rows, Arena& arena) const;
  const float* slopes_of_codes(const Codes& codes, const float* d_y, Index stride,
                               Arena& arena) const;
  void update(BackwardPass& pass, Saved& saved, const float* slopes) const;
  void update_bias(BackwardPass& pass, const float* sums, Arena& arena) const;
  void add_input_slope(const Codes& codes, const float* slopes, const GradientSlot& slot) const;

  Index latents_;
  Index k_;
  float threshold_;
  bool unit_norm_;
  Index width_ = 0;
  int encoder_ = -1, encoder_bias_ = -1, decoder_ = -1, decoder_bias_ = -1;
  mutable BoundGuess guess_;  // of the last rows; never shows in a result
  int center_ = -1, scale_ = -1, idle_rows_ = -1;
};

}  // namespace gatewise
