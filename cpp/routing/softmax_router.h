// Softmax scores: what TopK, Switch and NoisyTopK share.
#pragma once

#include "routing/score_router.h"

namespace gatewise {

// scores = softmax(logits). Weights are the scores of the chosen or, normalised, the softmax over
// the logits of the chosen alone, whose slope reaches those logits and no other.
class SoftmaxRouter : public ScoreRouter {
 public:
  using ScoreRouter::ScoreRouter;

 protected:
  float score_row(const float* logits, float* scores) const override;
  bool slope_reads_scores() const override { return !normalize_; }
  bool slope_reaches_all() const override { return !normalize_; }
  void weigh_row_backward(const float* scores, const std::int32_t* chosen, const float* weights,
                          const float* d_weights, float* d_logits) const override;
  void balance_row_backward(const float* scores, const float* d_probabilities,
                            float* d_logits) const override;
};

}  // namespace gatewise
