// z = h where h exceeds the latent's threshold t, with the penalty weight (L0 / target - 1)^2. The
// slope by t takes the step there as a ramp of width `bandwidth` (Rajamanoharan et al. 2024,
// "Jumping ahead", eq. 9 to 12).
#include <cmath>
#include <limits>

#include "codes/candidate_blocks.h"
#include "codes/code_activation.h"

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

  // In training the entries are those above the lower end of their ramp; `kept` is h.
  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    const float* thresholds = block.slice(thresholds_);
    CodeProduct product = input.product;
    product.least = -std::numeric_limits<float>::infinity();
    product.terms.floors = thresholds;
    if (input.training) {
      float* floors = arena.take<float>(input.latents);
      for (Index j = 0; j < input.latents; ++j) floors[j] = thresholds[j] - bandwidth_ / 2;
      product.terms.floors = floors;
    }
    CodeRun run;
    run.codes = all_codes(product, arena);
    if (!input.training) return run;
    Codes& codes = run.codes;
    run.kept = codes.values;
    codes.values = arena.take<float>(codes.entries());
    Index active = 0;
    for (Index entry = 0; entry < codes.entries(); ++entry) {
      const bool is_active = run.kept[entry] > thresholds[codes.latents[entry]];
      active += is_active;
      codes.values[entry] = is_active ? run.kept[entry] : 0.0f;
    }
    const double excess = l0_excess(active, codes.rows);
    run.loss = weight_ * excess * excess;
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock& block, CodeSlopes& slopes,
                Arena& arena) const override {
    const Codes& codes = run.codes;
    const float* thresholds = block.slice(thresholds_);
    Index active = 0;
    for (Index entry = 0; entry < codes.entries(); ++entry)
      active += run.kept[entry] > thresholds[codes.latents[entry]];
    // By L0 of one more active entry, times the ramp's slope by t.
    const float l0_slope = static_cast<float>(-2 * weight_ * l0_excess(active, codes.rows) /
                                              (target_ * static_cast<double>(codes.rows))) /
                           bandwidth_;
    float* by_threshold = arena.take<float>(codes.entries());
    for (Index entry = 0; entry < codes.entries(); ++entry) {
      const float t = thresholds[codes.latents[entry]], h = run.kept[entry];
      const bool is_near = std::abs(h - t) < bandwidth_ / 2;
      by_threshold[entry] = is_near ? l0_slope - t / bandwidth_ * slopes.values[entry] : 0.0f;
      if (!(h > t)) slopes.values[entry] = 0;
    }
    slopes.own[0] = {thresholds_, by_threshold};
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
