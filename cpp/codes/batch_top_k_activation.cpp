// In training the n k largest pre-activations of a batch of n rows; otherwise the pre-activations
// above a stored threshold (Bussmann, Leask and Nanda 2024).
#include <algorithm>
#include <atomic>
#include <cmath>

#include "codes/code_activation.h"
#include "codes/selection/batch_top_k_codes.h"
#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

// Estimates a lower bound of the smallest value kept in the next batch: that of the last batch,
// less twice the largest recent relative change between batches (decaying).
class BatchThresholdEstimate {
 public:
  float value() const { return value_.load(std::memory_order_relaxed); }
  void update(float smallest) {
    if (last_ > 0) change_ = std::max(kDecay * change_, std::fabs(smallest / last_ - 1));
    last_ = smallest;
    const float margin = std::clamp(2 * change_, kMinChange, 1.0f);
    value_.store(smallest * (1 - margin), std::memory_order_relaxed);
  }

 private:
  static constexpr float kDecay = 0.9f, kMinChange = 0.01f;

  std::atomic<float> value_{0};
  float last_ = 0, change_ = 0.05f;
};

class BatchTopKActivation final : public CodeActivation {
 public:
  explicit BatchTopKActivation(const Options& options)
      : k_(options.integer("activation.k")),
        momentum_(static_cast<float>(options.number("activation.momentum"))) {
    const Index latents = options.integer("latents");
    require(k_ >= 1 && k_ <= latents, "k: expected 1 <= k <= latents (", latents, "), got ", k_);
  }

  void declare(ParameterBlock& block, Index) override {
    threshold_ = block.add_vector("batch_threshold", "state", 1);
    batch_counts_ = block.add_vector("batch_counts", "state", 2);
  }

  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    CodeRun run;
    if (input.training) {
      run.codes = batch_top_k_codes(input.product, input.product.rows * k_, estimate_.value(),
                                    run.smallest, arena);
      return run;
    }
    EncoderProduct product = input.product;
    product.threshold = std::max(product.threshold, block.slice(threshold_)[0]);
    run.codes = codes_above_threshold(product, arena);
    return run;
  }

  void finish_step(const CodeRun& run, ParameterBlock& block) const override {
    // A running mean: the first steps have equal weight, and a batch is weighted by its row count
    // relative to the mean row count.
    float& threshold = block.slice(threshold_)[0];
    float* batch_counts = block.slice(batch_counts_);
    const auto rows = static_cast<float>(run.codes.rows);
    batch_counts[0] += 1;
    batch_counts[1] += rows;
    const float momentum = std::min(momentum_, (batch_counts[0] - 1) / batch_counts[0]);
    const float weight = std::min(1.0f, (1 - momentum) * rows * batch_counts[0] / batch_counts[1]);
    threshold += weight * (run.smallest - threshold);
    estimate_.update(run.smallest);
  }

 private:
  Index k_;
  float momentum_;
  int threshold_ = -1, batch_counts_ = -1;
  mutable BatchThresholdEstimate estimate_;  // affects time only, no result
};

const bool registered = Registry<CodeActivation>::add<BatchTopKActivation>("batch_top_k");

}  // namespace
}  // namespace gatewise
