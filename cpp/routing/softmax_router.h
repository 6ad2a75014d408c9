// Base of the routers with softmax scores: TopK, Switch, NoisyTopK, Keys and OutputSum.
#pragma once

#include "routing/score_router.h"

namespace gatewise {

// scores = softmax(logits). Weights are the scores of the chosen experts or, normalized, the
// softmax over only the chosen logits, whose gradient is zero for all other logits. Weights of 1
// have zero gradients.
class SoftmaxRouter : public ScoreRouter {
 public:
  using ScoreRouter::ScoreRouter;

 protected:
  float score_row(const float* logits, float* scores) const override;
  bool gradient_needs_scores() const override { return weighing_ == Weighing::kScores; }
  bool gradient_is_dense() const override { return weighing_ == Weighing::kScores; }
  void weigh_row_backward(const float* scores, const std::int32_t* chosen, const float* weights,
                          const float* d_weights, float* d_logits) const override;
  void balance_row_backward(const float* scores, const float* d_probabilities,
                            float* d_logits) const override;
};

// Reads option "router.combine": "softmax" over the chosen (the default) or "sum".
inline Weighing weighing_from(const Options& options) {
  const std::string combine = options.text_or("router.combine", "softmax");
  require(combine == "softmax" || combine == "sum", "combine: expected 'softmax' or 'sum', got ",
          combine);
  return combine == "sum" ? Weighing::kOnes : Weighing::kNormalized;
}

}  // namespace gatewise
