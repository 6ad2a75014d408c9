// Activations without sparsity: z = h, and z = sigmoid(h) with the penalty
//   weight sum_j [rho ln(rho / p_j) + (1 - rho) ln((1 - rho) / (1 - p_j))]
// on the mean p_j of latent j over the rows (Ng 2011, CS294A lecture notes, section 3).
#include <cmath>
#include <limits>

#include "codes/code_activation.h"
#include "codes/selection/candidate_block_iterator.h"
#include "kernels/math.h"

namespace gatewise {
namespace {

// The product with threshold -infinity, which keeps all values.
EncoderProduct without_threshold(EncoderProduct product) {
  product.threshold = -std::numeric_limits<float>::infinity();
  return product;
}

class IdentityActivation final : public CodeActivation {
 public:
  explicit IdentityActivation(const Options&) {}

  // A value of 0 has derivative 1, so training keeps it; otherwise it is dropped from the code.
  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    const bool training = input.training;
    CodeRun run;
    run.codes = filter_codes(without_threshold(input.product), arena,
                             [=](Index, std::int32_t* latents, float* values, Index count) {
                               Index kept = 0;
                               for (Index at = 0; at < count; ++at) {
                                 latents[kept] = latents[at];
                                 values[kept] = values[at];
                                 kept += training || values[at] != 0;
                               }
                               return kept;
                             });
    return run;
  }
};

class KlActivation final : public CodeActivation {
 public:
  explicit KlActivation(const Options& options)
      : rho_(options.number("activation.rho")),
        weight_(options.number("activation.weight")),
        latents_(options.integer("latents")) {
    require(rho_ > 0 && rho_ < 1, "rho: expected a number between 0 and 1, got ", rho_);
  }

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    const float threshold = input.product.threshold;
    CodeRun run;
    run.codes = filter_codes(without_threshold(input.product), arena,
                             [=](Index, std::int32_t* latents, float* values, Index count) {
                               Index kept = 0;
                               for (Index at = 0; at < count; ++at) {
                                 const float z = sigmoid_of(values[at]);
                                 latents[kept] = latents[at];
                                 values[kept] = z;
                                 kept += z > threshold;
                               }
                               return kept;
                             });
    if (weight_ == 0 || !input.training) return run;
    const double* means = means_of(run.codes, arena);
    double sum = 0;
    for (Index j = 0; j < latents_; ++j)
      sum += rho_ * std::log(rho_ / means[j]) + (1 - rho_) * std::log((1 - rho_) / (1 - means[j]));
    run.loss = weight_ * sum;
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock&, CodeGradients& gradients,
                Arena& arena) const override {
    const Codes& codes = run.codes;
    const double* means = means_of(codes, arena);
    float* penalty = arena.take<float>(latents_);
    for (Index j = 0; j < latents_; ++j)
      penalty[j] = static_cast<float>(weight_ * ((1 - rho_) / (1 - means[j]) - rho_ / means[j]) /
                                      static_cast<double>(codes.rows));
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
      const float z = codes.values[nonzero];
      gradients.values[nonzero] =
          (gradients.values[nonzero] + penalty[codes.latents[nonzero]]) * (z * (1 - z));
    }
  }

 private:
  static float sigmoid_of(float h) {
    alignas(64) float lanes[kPanelWidth];
    sigmoid(Vector::set(h)).store(lanes);
    return lanes[0];
  }

  // The mean of each latent, clamped to values that float32 distinguishes from 0 and 1.
  const double* means_of(const Codes& codes, Arena& arena) const {
    double* means = arena.take_zeroed<double>(latents_);
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
      means[codes.latents[nonzero]] += codes.values[nonzero];
    for (Index j = 0; j < latents_; ++j)
      means[j] = std::clamp(means[j] / static_cast<double>(codes.rows), 1e-7, 1 - 1e-7);
    return means;
  }

  double rho_, weight_;
  Index latents_;
};

const bool has_identity = Registry<CodeActivation>::add<IdentityActivation>("identity");
const bool has_kl = Registry<CodeActivation>::add<KlActivation>("kl");

}  // namespace
}  // namespace gatewise
