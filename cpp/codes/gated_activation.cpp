// z = 1[g > 0] ReLU(exp(r) u W_e + b_mag) with the gate g = u W_e + b_e, whose own code ReLU(g)
// has the penalty l1 mean_i sum_j ReLU(g_ij) (Rajamanoharan et al. 2024, "Improving dictionary
// learning with gated sparse autoencoders", eq. 6 to 8).
#include <algorithm>
#include <limits>

#include "codes/candidate_blocks.h"
#include "codes/code_activation.h"
#include "kernels/reduce.h"

namespace gatewise {
namespace {

class GatedActivation final : public CodeActivation {
 public:
  explicit GatedActivation(const Options& options)
      : l1_(static_cast<float>(options.number("activation.l1"))) {}

  void declare(ParameterBlock& block, Index latents) override {
    magnitude_log_ = block.add_vector("magnitude_log", "bias", latents);
    magnitude_bias_ = block.add_vector("magnitude_bias", "bias", latents);
  }

  // The entries are those of open gates; `kept` is u W_e.
  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    const float* gate_bias = input.product.terms.bias;
    CodeProduct product = input.product;
    float* floors = arena.take<float>(input.latents);
    for (Index j = 0; j < input.latents; ++j) floors[j] = -gate_bias[j];
    product.least = -std::numeric_limits<float>::infinity();
    product.terms = {.bias = nullptr, .floors = floors};
    const float* factors = magnitude_factors(block, input.latents, arena);
    const float* bias = block.slice(magnitude_bias_);
    CodeRun run;
    Codes& codes = run.codes;
    if (!input.training) {
      codes = collect_codes(product, arena,
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
    codes = all_codes(product, arena);
    run.kept = codes.values;
    codes.values = arena.take<float>(codes.entries());
    run.gate_values = arena.take<float>(codes.entries());
    for (Index entry = 0; entry < codes.entries(); ++entry) {
      const std::int32_t j = codes.latents[entry];
      codes.values[entry] = std::max(factors[j] * run.kept[entry] + bias[j], 0.0f);
      run.gate_values[entry] = run.kept[entry] + gate_bias[j];
    }
    run.loss = l1_penalty(l1_, run.gate_values, codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock& block, CodeSlopes& slopes,
                Arena& arena) const override {
    const Codes& codes = run.codes;
    const Index latents = block.at(magnitude_log_).shape.cols;
    const float* factors = magnitude_factors(block, latents, arena);
    float* by_log = arena.take<float>(codes.entries());
    float* by_bias = arena.take<float>(codes.entries());
    float* by_gate = arena.take<float>(codes.entries());
    const float l1 = l1_slope(l1_, codes.rows);
    for (Index entry = 0; entry < codes.entries(); ++entry) {
      const std::int32_t j = codes.latents[entry];
      const float by_magnitude = codes.values[entry] > 0 ? slopes.values[entry] : 0.0f;
      by_bias[entry] = by_magnitude;
      by_log[entry] = by_magnitude * factors[j] * run.kept[entry];
      by_gate[entry] = slopes.gate_values[entry] + l1;
      slopes.values[entry] = by_gate[entry] + factors[j] * by_magnitude;
    }
    slopes.bias = by_gate;
    slopes.own[0] = {magnitude_log_, by_log};
    slopes.own[1] = {magnitude_bias_, by_bias};
  }

 private:
  // exp(r)
  const float* magnitude_factors(const ParameterBlock& block, Index latents, Arena& arena) const {
    const float* r = block.slice(magnitude_log_);
    float* factors = arena.take<float>(round_up(latents, kPanelWidth));
    for (Index j = 0; j < latents; j += kPanelWidth)
      exp(Vector::load_up_to(r + j, latents - j)).store(factors + j);
    return factors;
  }

  float l1_;
  int magnitude_log_ = -1, magnitude_bias_ = -1;
};

const bool registered = Registry<CodeActivation>::add<GatedActivation>("gated");

}  // namespace
}  // namespace gatewise
