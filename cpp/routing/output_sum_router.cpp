// Chooses the k linear experts whose outputs have the largest sums, s_e = x . (W_e 1) + b_e . 1.
// The sums of kernels and biases are kept, so only chosen experts run.
#include <algorithm>

#include "core/aligned_buffer.h"
#include "routing/output_sum_scorer.h"
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

class OutputSumRouter final : public SoftmaxRouter, public OutputSumScorer {
 public:
  explicit OutputSumRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), weighing_from(options)) {
    require(!balance_.has_loss(),
            "balance: expected None or a bias for scores that are output sums, got a loss, whose "
            "gradient would reach experts that no row chose");
  }

  void declare(ParameterBlock& block, Index width) override {
    SoftmaxRouter::declare(block, width);
    shape_ = {width, experts_};
    kernel_sums_ = AlignedBuffer(shape_.floats());
    bias_sums_ = AlignedBuffer(round_up(experts_, kPanelWidth));
  }

  void set_output_sums(Index e, const float* sums, float bias_sum) override {
    const Index panel = e / kPanelWidth, stride = shape_.stride(panel);
    float* column = kernel_sums_.data() + shape_.offset(panel) + e % kPanelWidth;
    for (Index i = 0; i < shape_.rows; ++i) column[i * stride] = sums[i];
    bias_sums_.data()[e] = bias_sum;
  }

  // Backward of the softmax over the row's chosen experts; weights of 1 have zero gradients.
  void output_sums_backward(const RouterRun& run, Index row, const float* d_weights,
                            float* d_sums) const override {
    if (!is_normalized()) {
      std::fill_n(d_sums, k_, 0.0f);
      return;
    }
    const float* weights = run.choice.weights + row * k_;
    float mean = 0;
    for (Index j = 0; j < k_; ++j) mean += weights[j] * d_weights[j];
    for (Index j = 0; j < k_; ++j) d_sums[j] = weights[j] * (d_weights[j] - mean);
  }

  // The gradient flows through the experts only.
  void backward(const Input&, const RouterRun&, const float*, const ParameterBlock&, RowGradient,
                UpdateSink*, Arena&) const override {}

 protected:
  bool has_plain_map() const override { return false; }

  ScoreMap score_map(const Input& x, Index, const ParameterBlock&, RouterRun&,
                     Arena&) const override {
    GroupedWeights sums;
    sums.first = {kernel_sums_.data(), shape_};
    sums.bias = bias_sums_.data();
    return {x, sums};
  }

 private:
  PanelShape shape_;
  AlignedBuffer kernel_sums_;  // [width, experts] in panels
  AlignedBuffer bias_sums_;    // [experts]
};

const bool registered = Registry<Router>::add<OutputSumRouter>("output_sum");

}  // namespace
}  // namespace gatewise
