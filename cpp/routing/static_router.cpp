// One learned weight per expert, the same for every row: y = sum_i alpha_i f_i(x).
#include "routing/constant_router.h"

#include <algorithm>

#include "kernels/softmax.h"

namespace gatewise {
namespace {

class StaticRouter final : public ConstantRouter {
 public:
  explicit StaticRouter(const Options& options)
      : ConstantRouter(options), constraint_(options.text("router.constraint")) {
    require(constraint_ == "free" || constraint_ == "non_negative" || constraint_ == "simplex",
            "constraint: expected 'free', 'non_negative' or 'simplex', got ", constraint_);
  }

  void declare(ParameterBlock& block, Index) override {
    alpha_ = block.add_vector("router_alpha", "alpha", experts_);
  }

  void backward(const Input&, const RouterRun& run, const float* d_weights,
                const ParameterBlock& block, RowGradient, UpdateSink* sink,
                Arena& arena) const override {
    if (!sink) return;
    float* d_alpha = arena.take_zeroed<float>(experts_);
    for (Index i = 0; i < run.choice.rows; ++i)
      for (Index e = 0; e < experts_; ++e) d_alpha[e] += d_weights[i * experts_ + e];
    if (constraint_ == "simplex") {
      float* weights = arena.take<float>(experts_);
      weigh(block, weights);
      softmax_backward(weights, d_alpha, d_alpha, experts_);
    }
    apply_update(sink->begin(alpha_, 0), 0, d_alpha, experts_);
  }

  // Non-negative weights are projected after the update.
  void finish_step(const RouterRun&, ParameterBlock& block) const override {
    if (constraint_ != "non_negative") return;
    float* alpha = block.slice(alpha_);
    for (Index e = 0; e < experts_; ++e) alpha[e] = std::max(alpha[e], 0.0f);
  }

 protected:
  void weigh(const ParameterBlock& block, float* weights) const override {
    const float* alpha = block.slice(alpha_);
    if (constraint_ == "simplex")
      softmax_forward(alpha, weights, experts_);
    else
      std::copy_n(alpha, experts_, weights);
  }

 private:
  std::string constraint_;
  int alpha_ = -1;
};

const bool registered = Registry<Router>::add<StaticRouter>("static");

}  // namespace
}  // namespace gatewise
