// z = 1[g > 0] ReLU(exp(r) u W_e + b_mag) with the gate g = u W_e + b_e. The gate's code ReLU(g)
// has the penalty l1 mean_i sum_j ReLU(g_ij) (Rajamanoharan et al. 2024, "Improving dictionary
// learning with gated sparse autoencoders", eq. 6 to 8).
#include <algorithm>

#include "codes/code_activation.h"
#include "codes/penalty_weight.h"
#include "codes/selection/candidate_block_iterator.h"
#include "kernels/reduce.h"

namespace gatewise {
namespace {

class GatedActivation final : public CodeActivation {
 public:
  explicit GatedActivation(const Options& options) : l1_(options) {}

  void declare(ParameterBlock& block, Index latents) override {
    magnitude_log_ = block.add_vector("magnitude_log", "bias", latents);
    magnitude_bias_ = block.add_vector("magnitude_bias", "bias", latents);
    l1_.declare(block);
  }

  // The nonzeros are the latents with open gates (g > 0); `run.saved` is u W_e.
  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    const float* gate_bias = input.product.terms.bias;
    EncoderProduct product = input.product.without_threshold();
    float* lower_bounds = arena.take<float>(input.latents);
    for (Index j = 0; j < input.latents; ++j) lower_bounds[j] = -gate_bias[j];
    product.terms = {.bias = nullptr, .lower_bounds = lower_bounds};
    const float* factors = magnitude_factors(block, input.latents, arena);
    const float* bias = block.slice(magnitude_bias_);
    CodeRun run;
    Codes& codes = run.codes;
    if (!input.training) {
      codes = filter_codes(product, arena,
                           [&](Index, std::int32_t* latents, float* values, Index count) {
                             Index kept = 0;
                             for (Index at = 0; at < count; ++at) {
                               const std::int32_t j = latents[at];
                               const float z = factors[j] * values[at] + bias[j];
                               latents[kept] = j;
                               values[kept] = z;
                               kept += z > 0;
                             }
                             return kept;
                           });
      return run;
    }
    codes = codes_above_threshold(product, arena);
    run.saved = codes.values;
    codes.values = arena.take<float>(codes.nonzeros());
    run.gate_values = arena.take<float>(codes.nonzeros());
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
      const std::int32_t j = codes.latents[nonzero];
      codes.values[nonzero] = std::max(factors[j] * run.saved[nonzero] + bias[j], 0.0f);
      run.gate_values[nonzero] = run.saved[nonzero] + gate_bias[j];
    }
    run.loss = l1_penalty(l1_.value(block), run.gate_values, codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock& block, CodeGradients& gradients,
                Arena& arena) const override {
    const Codes& codes = run.codes;
    const Index latents = block.at(magnitude_log_).shape.cols;
    const float* factors = magnitude_factors(block, latents, arena);
    float* d_magnitude_log = arena.take<float>(codes.nonzeros());
    float* d_magnitude_bias = arena.take<float>(codes.nonzeros());
    float* d_gate = arena.take<float>(codes.nonzeros());
    const float l1 = l1_gradient(l1_.value(block), codes.rows);
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
      const std::int32_t j = codes.latents[nonzero];
      const float d_magnitude = codes.values[nonzero] > 0 ? gradients.values[nonzero] : 0.0f;
      d_magnitude_bias[nonzero] = d_magnitude;
      d_magnitude_log[nonzero] = d_magnitude * factors[j] * run.saved[nonzero];
      d_gate[nonzero] = gradients.gate_values[nonzero] + l1;
      gradients.values[nonzero] = d_gate[nonzero] + factors[j] * d_magnitude;
    }
    gradients.bias = d_gate;
    gradients.parameter_gradients[0] = {magnitude_log_, d_magnitude_log};
    gradients.parameter_gradients[1] = {magnitude_bias_, d_magnitude_bias};
  }

  void finish_step(const CodeRun& run, ParameterBlock& block) const override {
    l1_.finish_step(run.codes, block);
  }

 private:
  // exp(r), [latents]
  const float* magnitude_factors(const ParameterBlock& block, Index latents, Arena& arena) const {
    const float* r = block.slice(magnitude_log_);
    float* factors = arena.take<float>(round_up(latents, kPanelWidth));
    for (Index j = 0; j < latents; j += kPanelWidth)
      exp(Vector::load_up_to(r + j, latents - j)).store(factors + j);
    return factors;
  }

  PenaltyWeight l1_;
  int magnitude_log_ = -1, magnitude_bias_ = -1;
};

const bool registered = Registry<CodeActivation>::add<GatedActivation>("gated");

}  // namespace
}  // namespace gatewise
