// z = max(h, 0), with the penalty l1 mean_i sum_j z_ij.
#include <algorithm>
#include <numeric>

#include "codes/dense_code_activation.h"
#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

class ReluActivation final : public DenseCodeActivation {
 public:
  explicit ReluActivation(const Options& options)
      : l1_(static_cast<float>(options.number("activation.l1"))) {}

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    CodeRun run;
    run.codes = codes_above_threshold(input.product, arena);
    run.loss = l1_penalty(l1_, run.codes.values, run.codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock&, CodeGradients& gradients,
                Arena&) const override {
    if (l1_ == 0) return;
    const float gradient = l1_gradient(l1_, run.codes.rows);
    for (Index nonzero = 0; nonzero < run.codes.nonzeros(); ++nonzero)
      gradients.values[nonzero] += gradient;
  }

  void encode_row(const float* h, float threshold, float* z, Index width,
                  std::int32_t*) const override {
    keep_above(h, threshold, z, width);
  }

  bool has_penalty() const override { return l1_ != 0; }
  double penalty(const double* sums, Index width, Index rows) const override {
    return l1_ * std::accumulate(sums, sums + width, 0.0) / static_cast<double>(rows);
  }
  void penalty_gradients(const double*, Index width, Index rows, float* gradients) const override {
    std::fill_n(gradients, width, l1_gradient(l1_, rows));
  }

 private:
  float l1_;
};

const bool registered = add_dense_activation<ReluActivation>("relu");

}  // namespace
}  // namespace gatewise
