// The n k largest pre-activations of a batch of n rows in training; elsewhere those above a kept
// threshold (Bussmann, Leask and Nanda 2024).
#include <atomic>

#include "codes/batch_top_k_codes.h"
#include "codes/candidate_blocks.h"
#include "codes/code_activation.h"

namespace gatewise {
namespace {

// The smallest value taken differs from batch to batch by a few percent.
constexpr float kGuessedShare = 0.9f;

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
    seen_ = block.add_vector("batch_steps_rows", "state", 2);
  }

  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    CodeRun run;
    if (input.training) {
      run.codes = batch_top_k_codes(input.product, input.product.rows * k_, kGuessedShare * last_,
                                    run.smallest, arena);
      return run;
    }
    CodeProduct product = input.product;
    product.least = std::max(product.least, block.slice(threshold_)[0]);
    run.codes = all_codes(product, arena);
    return run;
  }

  void finish_step(const CodeRun& run, ParameterBlock& block) const override {
    // The first steps count alike; a batch counts by its rows beside the mean.
    float& threshold = block.slice(threshold_)[0];
    float* seen = block.slice(seen_);
    const auto rows = static_cast<float>(run.codes.rows);
    seen[0] += 1;
    seen[1] += rows;
    const float momentum = std::min(momentum_, (seen[0] - 1) / seen[0]);
    const float share = std::min(1.0f, (1 - momentum) * rows * seen[0] / seen[1]);
    threshold += share * (run.smallest - threshold);
    last_ = run.smallest;
  }

 private:
  Index k_;
  float momentum_;
  int threshold_ = -1, seen_ = -1;
  mutable std::atomic<float> last_{0};  // a guess; never shows in a result
};

const bool registered = Registry<CodeActivation>::add<BatchTopKActivation>("batch_top_k");

}  // namespace
}  // namespace gatewise
