// Top-k of noisy logits in training, H = x W + N(0, 1) softplus(x W_noise), weighed by the softmax
// over the chosen (Shazeer et al. 2017, eq. 3 to 5). Without noise outside training.
#include "kernels/math.h"
#include "kernels/random_fill.h"
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

class NoisyTopKRouter final : public SoftmaxRouter {
 public:
  explicit NoisyTopKRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), true) {}

  void declare(ParameterBlock& block, Index width) override {
    SoftmaxRouter::declare(block, width);
    noise_kernel_ = block.add_matrix("router_noise_kernel", "router", width, experts_);
  }

 protected:
  // run.noise keeps N(0, 1) sigmoid(x W_noise), the slope of the noise by x W_noise.
  void prepare_logits(const Input& x, Index rows, const ParameterBlock& block, const RunInfo& info,
                      Arena& arena, RouterRun& run) const override {
    if (!info.training) return;
    run.noise = arena.take<float>(rows * run.stride);
    float* draws = arena.take<float>(run.stride);
    router_product(x, rows, block, noise_kernel_, run.noise, run.stride, arena);
    for (Index i = 0; i < rows; ++i) {
      const Index at = i * run.stride;
      const Index start = static_cast<Index>(info.step) * kNumbersPerStep + i * experts_;
      fill_normal(info.seed, info.stream, start, 0.0f, 1.0f, draws, experts_);
      for (Index e = 0; e < experts_; e += kPanelWidth) {
        const Index rest = experts_ - e;
        const Vector draw = Vector::load_up_to(draws + e, rest);
        const Vector spread = Vector::load_up_to(run.noise + at + e, rest);
        fma(draw, softplus(spread), Vector::load_up_to(run.logits + at + e, rest))
            .store_up_to(run.logits + at + e, rest);
        (draw * sigmoid(spread)).store_up_to(run.noise + at + e, rest);
      }
    }
  }

  void backward_logits(const Input& x, const RouterRun& run, const float* d_logits,
                       const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                       Arena& arena) const override {
    if (!run.noise) return;
    const Index rows = run.choice.rows;
    float* d_spread = arena.take<float>(rows * run.stride);
    for (Index i = 0; i < rows; ++i)
      for (Index at = i * run.stride; at < i * run.stride + experts_; ++at)
        d_spread[at] = d_logits[at] * run.noise[at];
    router_product_backward(x, rows, d_spread, run.stride, block, noise_kernel_, d_x, sink, arena);
  }

 private:
  // More random numbers than a step can need, so that steps never share one.
  static constexpr Index kNumbersPerStep = Index{1} << 36;

  int noise_kernel_ = -1;
};

const bool registered = Registry<Router>::add<NoisyTopKRouter>("noisy_top_k");

}  // namespace
}  // namespace gatewise
