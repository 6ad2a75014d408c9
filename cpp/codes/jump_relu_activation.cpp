// z = h if h exceeds the latent's threshold t, else 0, with the penalty weight (L0 / target - 1)^2.
// The gradient of t replaces the step at t by a ramp of width `bandwidth` (Rajamanoharan et al.
// 2024, "Jumping ahead", eq. 9 to 12).
#include <cmath>

#include "codes/code_activation.h"
#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

class JumpReluActivation final : public CodeActivation {
 public:
  explicit JumpReluActivation(const Options& options)
      : target_(static_cast<float>(options.number("activation.target_l0"))),
        weight_(static_cast<float>(options.number("activation.weight"))),
        bandwidth_(static_cast<float>(options.number("activation.bandwidth"))) {
    require(target_ > 0, "target_l0: expected a number above 0, got ", target_);
    require(bandwidth_ > 0, "bandwidth: expected a number above 0, got ", bandwidth_);
  }

  void declare(ParameterBlock& block, Index latents) override {
    thresholds_ = block.add_vector("latent_threshold", "bias", latents);
  }

  // In training the nonzeros are the latents with h > t - bandwidth / 2; `run.saved` is h.
  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    const float* thresholds = block.slice(thresholds_);
    EncoderProduct product = input.product.without_threshold();
    product.terms.lower_bounds = thresholds;
    if (input.training) {
      float* lower_bounds = arena.take<float>(input.latents);
      for (Index j = 0; j < input.latents; ++j) lower_bounds[j] = thresholds[j] - bandwidth_ / 2;
      product.terms.lower_bounds = lower_bounds;
    }
    CodeRun run;
    run.codes = codes_above_threshold(product, arena);
    if (!input.training) return run;
    Codes& codes = run.codes;
    run.saved = codes.values;
    codes.values = arena.take<float>(codes.nonzeros());
    Index active = 0;
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
      const bool is_active = run.saved[nonzero] > thresholds[codes.latents[nonzero]];
      active += is_active;
      codes.values[nonzero] = is_active ? run.saved[nonzero] : 0.0f;
    }
    const double excess = l0_excess(active, codes.rows);
    run.loss = weight_ * excess * excess;
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock& block, CodeGradients& gradients,
                Arena& arena) const override {
    const Codes& codes = run.codes;
    const float* thresholds = block.slice(thresholds_);
    Index active = 0;
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
      active += run.saved[nonzero] > thresholds[codes.latents[nonzero]];
    // Derivative of the penalty by the count of active latents, times the ramp's derivative by t.
    const float l0_gradient = static_cast<float>(-2 * weight_ * l0_excess(active, codes.rows) /
                                                 (target_ * static_cast<double>(codes.rows))) /
                              bandwidth_;
    float* d_threshold = arena.take<float>(codes.nonzeros());
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
      const float t = thresholds[codes.latents[nonzero]], h = run.saved[nonzero];
      const bool is_near = std::abs(h - t) < bandwidth_ / 2;
      d_threshold[nonzero] =
          is_near ? l0_gradient - t / bandwidth_ * gradients.values[nonzero] : 0.0f;
      if (!(h > t)) gradients.values[nonzero] = 0;
    }
    gradients.parameter_gradients[0] = {thresholds_, d_threshold};
  }

  void finish_step(const CodeRun&, ParameterBlock& block) const override {
    float* thresholds = block.slice(thresholds_);
    for (Index j = 0; j < block.at(thresholds_).shape.cols; ++j)
      thresholds[j] = std::max(thresholds[j], 0.0f);
  }

 private:
  double l0_excess(Index active, Index rows) const {
    return static_cast<double>(active) / static_cast<double>(rows) / target_ - 1;
  }

  float target_, weight_, bandwidth_;
  int thresholds_ = -1;
};

const bool registered = Registry<CodeActivation>::add<JumpReluActivation>("jump_relu");

}  // namespace
}  // namespace gatewise
