// The k largest pre-activations of a row (Makhzani and Frey 2014, algorithm 1).
#include <algorithm>

#include "codes/dense_code_activation.h"
#include "codes/selection/top_k_codes.h"
#include "kernels/top_k.h"

namespace gatewise {
namespace {

class TopKActivation final : public DenseCodeActivation {
 public:
  explicit TopKActivation(const Options& options) : k_(options.integer("activation.k")) {}

  void declare(ParameterBlock&, Index latents) override {
    require(k_ >= 1 && k_ <= latents, "k: expected 1 <= k <= latents (", latents, "), got ", k_);
  }

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    CodeRun run;
    run.codes = top_k_codes(input.product, k_, estimate_, arena);
    return run;
  }

  void encode_row(const float* h, float threshold, float* z, Index width,
                  std::int32_t* chosen) const override {
    top_k(h, width, k_, chosen);
    std::fill_n(z, width, 0.0f);
    for (Index j = 0; j < k_; ++j)
      if (h[chosen[j]] > threshold) z[chosen[j]] = h[chosen[j]];
  }
  Index chosen_per_row() const override { return k_; }

 private:
  Index k_;
  mutable RowThresholdEstimate estimate_;  // from the last rows; affects time only
};

const bool registered = add_dense_activation<TopKActivation>("top_k");

}  // namespace
}  // namespace gatewise
