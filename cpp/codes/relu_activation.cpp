// z = max(h, 0), with the penalty l1 mean_i sum_j z_ij.
#include "codes/code_activation.h"
#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

class ReluActivation final : public CodeActivation {
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

 private:
  float l1_;
};

const bool registered = Registry<CodeActivation>::add<ReluActivation>("relu");

}  // namespace
}  // namespace gatewise
