// The k largest pre-activations of a row (Makhzani and Frey 2014, algorithm 1).
#include "codes/code_activation.h"
#include "codes/selection/top_k_codes.h"

namespace gatewise {
namespace {

class TopKActivation final : public CodeActivation {
 public:
  explicit TopKActivation(const Options& options) : k_(options.integer("activation.k")) {
    const Index latents = options.integer("latents");
    require(k_ >= 1 && k_ <= latents, "k: expected 1 <= k <= latents (", latents, "), got ", k_);
  }

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    CodeRun run;
    run.codes = top_k_codes(input.product, k_, estimate_, arena);
    return run;
  }

 private:
  Index k_;
  mutable RowThresholdEstimate estimate_;  // from the last rows; affects time only
};

const bool registered = Registry<CodeActivation>::add<TopKActivation>("top_k");

}  // namespace
}  // namespace gatewise
