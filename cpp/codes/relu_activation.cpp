// z = max(h, 0), with the penalty l1 mean_i sum_j z_ij.
#include <algorithm>
#include <numeric>

#include "codes/dense_code_activation.h"
#include "codes/penalty_weight.h"
#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

class ReluActivation final : public DenseCodeActivation {
 public:
  explicit ReluActivation(const Options& options) : l1_(options) {}

  void declare(ParameterBlock& block, Index) override { l1_.declare(block); }

  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    CodeRun run;
    run.codes = codes_above_threshold(input.product, arena);
    run.loss = l1_penalty(l1_.value(block), run.codes.values, run.codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock& block, CodeGradients& gradients,
                Arena&) const override {
    if (l1_.is_zero()) return;
    const float gradient = l1_gradient(l1_.value(block), run.codes.rows);
    for (Index nonzero = 0; nonzero < run.codes.nonzeros(); ++nonzero)
      gradients.values[nonzero] += gradient;
  }

  void finish_step(const CodeRun& run, ParameterBlock& block) const override {
    l1_.finish_step(run.codes, block);
  }

  void encode_row(const float* h, float threshold, float* z, Index width,
                  std::int32_t*) const override {
    keep_above(h, threshold, z, width);
  }

  // In a stack the weight is fixed.
  bool has_penalty() const override { return !l1_.is_zero(); }
  double penalty(const double* sums, Index width, Index rows) const override {
    return l1_.fixed() * std::accumulate(sums, sums + width, 0.0) / static_cast<double>(rows);
  }
  void penalty_gradients(const double*, Index width, Index rows, float* gradients) const override {
    std::fill_n(gradients, width, l1_gradient(l1_.fixed(), rows));
  }

 private:
  PenaltyWeight l1_;
};

const bool registered = add_dense_activation<ReluActivation>("relu");

}  // namespace
}  // namespace gatewise
