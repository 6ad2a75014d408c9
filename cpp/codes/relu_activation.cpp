// z = max(h, 0), with the penalty l1 mean_i sum_j z_ij.
#include "codes/candidate_blocks.h"
#include "codes/code_activation.h"

namespace gatewise {
namespace {

class ReluActivation final : public CodeActivation {
 public:
  explicit ReluActivation(const Options& options)
      : l1_(static_cast<float>(options.number("activation.l1"))) {}

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    CodeRun run;
    run.codes = all_codes(input.product, arena);
    run.loss = l1_penalty(l1_, run.codes.values, run.codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock&, CodeSlopes& slopes,
                Arena&) const override {
    if (l1_ == 0) return;
    const float slope = l1_slope(l1_, run.codes.rows);
    for (Index entry = 0; entry < run.codes.entries(); ++entry) slopes.values[entry] += slope;
  }

 private:
  float l1_;
};

const bool registered = Registry<CodeActivation>::add<ReluActivation>("relu");

}  // namespace
}  // namespace gatewise
