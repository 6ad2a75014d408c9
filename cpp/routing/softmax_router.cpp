#include "routing/softmax_router.h"

#include "kernels/reduce.h"
#include "kernels/softmax.h"

namespace gatewise {

float SoftmaxRouter::score_row(const float* logits, float* scores) const {
  return softmax_forward(logits, scores, experts_);
}

void SoftmaxRouter::weigh_row_backward(const float* scores, const std::int32_t* chosen,
                                       const float* weights, const float* d_weights,
                                       float* d_logits) const {
  if (weighing_ == Weighing::kOnes) return;
  float mean = 0;
  for (Index j = 0; j < k_; ++j) mean += weights[j] * d_weights[j];
  if (is_normalized()) {
    for (Index j = 0; j < k_; ++j) d_logits[chosen[j]] += weights[j] * (d_weights[j] - mean);
    return;
  }
  for (Index e = 0; e < experts_; ++e) d_logits[e] -= scores[e] * mean;
  for (Index j = 0; j < k_; ++j) d_logits[chosen[j]] += weights[j] * d_weights[j];
}

void SoftmaxRouter::balance_row_backward(const float* scores, const float* d_probabilities,
                                         float* d_logits) const {
  const float mean = dot(scores, d_probabilities, experts_);
  for (Index e = 0; e < experts_; ++e) d_logits[e] += scores[e] * (d_probabilities[e] - mean);
}

}  // namespace gatewise
