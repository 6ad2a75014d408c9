// z = h, an activation without sparsity.
#include <algorithm>

#include "codes/dense_code_activation.h"
#include "codes/selection/candidate_block_iterator.h"
#include "kernels/rows.h"

namespace gatewise {
namespace {

class IdentityActivation final : public DenseCodeActivation {
 public:
  explicit IdentityActivation(const Options&) {}

  // A value of 0 has derivative 1, so training keeps it; otherwise it is dropped from the code.
  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    const bool training = input.training;
    CodeRun run;
    run.codes = filter_codes(input.product.without_threshold(), arena,
                             [=](Index, std::int32_t* latents, float* values, Index count) {
                               Index kept = 0;
                               for (Index at = 0; at < count; ++at) {
                                 latents[kept] = latents[at];
                                 values[kept] = values[at];
                                 kept += training || values[at] != 0;
                               }
                               return kept;
                             });
    return run;
  }

  bool has_threshold() const override { return false; }
  void encode_row(const float* h, float, float* z, Index width, std::int32_t*) const override {
    std::copy_n(h, width, z);
  }
  void backward_row(const float*, const float* d_z, const float*, float* d_h, Index width,
                    bool accumulate) const override {
    copy_or_add(d_z, d_h, width, accumulate);
  }
};

const bool registered = add_dense_activation<IdentityActivation>("identity");

}  // namespace
}  // namespace gatewise
