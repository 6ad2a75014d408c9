// Top-k of the sigmoids of a linear map, each expert weighted by its own (DeepSeek-V3, 2024, eq. 12
// to 15).
#include <algorithm>

#include "kernels/activations.h"
#include "kernels/reduce.h"
#include "kernels/softmax.h"
#include "routing/score_router.h"

namespace gatewise {
namespace {

class SigmoidTopKRouter final : public ScoreRouter {
 public:
  explicit SigmoidTopKRouter(const Options& options)
      : ScoreRouter(options, options.integer("router.k"), weighing_by_scores(options)) {}

 protected:
  float score_row(const float* logits, float* scores) const override {
    const float log_sum = softmax_forward(logits, scores, experts_);
    activate_forward(Activation::kSigmoid, logits, scores, experts_);
    return log_sum;
  }

  bool gradient_is_dense() const override { return false; }

  void weigh_row_backward(const float* scores, const std::int32_t* chosen, const float* weights,
                          const float* d_weights, float* d_logits) const override {
    float mean = 0, sum = 1;
    if (is_normalized()) {
      sum = 0;
      for (Index j = 0; j < k_; ++j) {
        mean += weights[j] * d_weights[j];
        sum += scores[chosen[j]];
      }
      sum = std::max(sum, kMinSum);
    }
    for (Index j = 0; j < k_; ++j) {
      const float score = scores[chosen[j]];
      d_logits[chosen[j]] += (d_weights[j] - mean) / sum * score * (1 - score);
    }
  }

  void balance_row_backward(const float* scores, const float* d_probabilities,
                            float* d_logits) const override {
    const float sum = std::max(sum_of(scores, experts_), kMinSum);
    const float mean = dot(scores, d_probabilities, experts_) / sum;
    for (Index e = 0; e < experts_; ++e)
      d_logits[e] += (d_probabilities[e] - mean) / sum * scores[e] * (1 - scores[e]);
  }
};

const bool registered = Registry<Router>::add<SigmoidTopKRouter>("sigmoid_top_k");

}  // namespace
}  // namespace gatewise
