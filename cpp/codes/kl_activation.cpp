// z = sigmoid(h) where that exceeds the threshold, with the penalty
//   weight sum_j [rho ln(rho / p_j) + (1 - rho) ln((1 - rho) / (1 - p_j))]
// on the mean p_j of latent j over the rows (Ng 2011, CS294A lecture notes, section 3).
#include <algorithm>
#include <cmath>

#include "codes/dense_code_activation.h"
#include "codes/selection/candidate_block_iterator.h"
#include "kernels/activations.h"
#include "kernels/math.h"

namespace gatewise {
namespace {

class KlActivation final : public DenseCodeActivation {
 public:
  explicit KlActivation(const Options& options)
      : rho_(options.number("activation.rho")), weight_(options.number("activation.weight")) {
    require(rho_ > 0 && rho_ < 1, "rho: expected a number between 0 and 1, got ", rho_);
  }

  void declare(ParameterBlock&, Index latents) override { latents_ = latents; }

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    const float threshold = input.product.threshold;
    CodeRun run;
    run.codes = filter_codes(input.product.without_threshold(), arena,
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
    if (has_penalty() && input.training)
      run.loss = penalty(sums_of(run.codes, arena), latents_, run.codes.rows);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock&, CodeGradients& gradients,
                Arena& arena) const override {
    const Codes& codes = run.codes;
    float* penalty = arena.take<float>(latents_);
    penalty_gradients(sums_of(codes, arena), latents_, codes.rows, penalty);
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
      const float z = codes.values[nonzero];
      gradients.values[nonzero] =
          (gradients.values[nonzero] + penalty[codes.latents[nonzero]]) * (z * (1 - z));
    }
  }

  void encode_row(const float* h, float threshold, float* z, Index width,
                  std::int32_t*) const override {
    activate_forward(Activation::kSigmoid, h, z, width);
    keep_above(z, threshold, z, width);
  }

  bool has_penalty() const override { return weight_ != 0; }
  double penalty(const double* sums, Index width, Index rows) const override {
    double sum = 0;
    for (Index j = 0; j < width; ++j) {
      const double mean = mean_of(sums[j], rows);
      sum += rho_ * std::log(rho_ / mean) + (1 - rho_) * std::log((1 - rho_) / (1 - mean));
    }
    return weight_ * sum;
  }
  void penalty_gradients(const double* sums, Index width, Index rows,
                         float* gradients) const override {
    for (Index j = 0; j < width; ++j) {
      const double mean = mean_of(sums[j], rows);
      gradients[j] = static_cast<float>(weight_ * ((1 - rho_) / (1 - mean) - rho_ / mean) /
                                        static_cast<double>(rows));
    }
  }
  void backward_row(const float* z, const float* d_z, const float* penalty, float* d_h, Index width,
                    bool accumulate) const override {
    keep_above_backward(z, d_z, penalty, true, d_h, width, accumulate);
  }

 private:
  static float sigmoid_of(float h) {
    alignas(64) float lanes[kPanelWidth];
    sigmoid(Vector::set(h)).store(lanes);
    return lanes[0];
  }

  // A latent's mean, clamped to values that float32 distinguishes from 0 and 1.
  static double mean_of(double sum, Index rows) {
    return std::clamp(sum / static_cast<double>(rows), 1e-7, 1 - 1e-7);
  }

  double* sums_of(const Codes& codes, Arena& arena) const {
    double* sums = arena.take_zeroed<double>(latents_);
    for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
      sums[codes.latents[nonzero]] += codes.values[nonzero];
    return sums;
  }

  double rho_, weight_;
  Index latents_ = 0;
};

const bool registered = add_dense_activation<KlActivation>("kl");

}  // namespace
}  // namespace gatewise
