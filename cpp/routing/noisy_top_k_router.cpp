// Top-k of noisy logits in training, H = x W + N(0, 1) softplus(x W_noise), weighted by the softmax
// over the chosen (Shazeer et al. 2017, eq. 3 to 5) or over all. No noise outside training.
#include "kernels/math.h"
#include "kernels/random_fill.h"
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

class NoisyTopKRouter final : public SoftmaxRouter {
 public:
  explicit NoisyTopKRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), weighing_by_scores(options)) {}

  void declare(ParameterBlock& block, Index width) override {
    SoftmaxRouter::declare(block, width);
    noise_kernel_ = block.add_matrix("router_noise_kernel", "router", width, experts_);
  }

 protected:
  // Stores N(0, 1) sigmoid(x W_noise), the derivative of the noise with respect to x W_noise.
  void add_noise(Index row, const RunInfo& info, float* logits, float* noise) const override {
    const Index start = info.draw(row, experts_);
    alignas(64) float draws[kPanelWidth];
    for (Index e = 0; e < experts_; e += kPanelWidth) {
      const Index rest = experts_ - e;
      fill_normal(info.seed, info.stream, start + e, 0.0f, 1.0f, draws, kPanelWidth);
      const Vector draw = Vector::load(draws);
      const Vector noise_logits = Vector::load_up_to(noise + e, rest);
      fma(draw, softplus(noise_logits), Vector::load_up_to(logits + e, rest))
          .store_up_to(logits + e, rest);
      (draw * sigmoid(noise_logits)).store_up_to(noise + e, rest);
    }
  }
};

const bool registered = Registry<Router>::add<NoisyTopKRouter>("noisy_top_k");

}  // namespace
}  // namespace gatewise
