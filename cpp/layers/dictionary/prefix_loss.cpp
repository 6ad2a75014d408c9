#include "core/parallel.h"
#include "layers/dictionary/reconstruction_loss.h"
#include "layers/square_error.h"

namespace gatewise {
namespace {

class PrefixLoss final : public ReconstructionLoss {
 public:
  PrefixLoss(std::vector<Index> prefixes, Index latents) : ends_(std::move(prefixes)) {
    for (std::size_t at = 0; at < ends_.size(); ++at)
      require(ends_[at] > (at > 0 ? ends_[at - 1] : 0) && ends_[at] <= latents,
              "prefixes: expected ascending numbers from 1 to latents (", latents, "), got ",
              ends_[at]);
    if (ends_.empty() || ends_.back() < latents) ends_.push_back(latents);
  }

  void forward(const LossInput& input, void*& saved) const override {
    if (inner() == 0) return;
    const Index rows = input.pass.rows, stride = input.arrays.stride();
    float* y = input.pass.arena->take<float>(inner() * rows * stride);
    saved = y;
    decode(input, y);
    for (Index p = 0; p < inner(); ++p)
      input.pass.loss += square_error(y + p * rows * stride, {rows, input.arrays.width(), stride},
                                      *input.pass.expected, 1.0f, *input.pass.arena);
  }

  Index blocks(const void* saved) const override { return saved ? inner() + 1 : 1; }

  // A latent is part of its group's prefix and of all longer ones.
  void backward(void* saved, LossGradients& gradients, Arena&) const override {
    const auto* d_prefixes = static_cast<const float*>(saved);
    const float s = gradients.arrays.scale;
    const Index groups = blocks(saved), block = gradients.block_floats();
    float* first = gradients.row(gradients.take_block());
    for (Index g = 1; g < groups; ++g) gradients.take_block();
    set_gradients(gradients.d_output, s, nullptr, first + (groups - 1) * block, block);
    for (Index g = groups - 2; g >= 0; --g)
      set_gradients(d_prefixes + g * block, s, first + (g + 1) * block, first + g * block, block);
    gradients.groups = {saved ? ends_.data() : &ends_.back(), groups};
  }

 private:
  // Count of prefixes that do not hold all latents.
  Index inner() const { return static_cast<Index>(ends_.size()) - 1; }

  // y [inner, rows, stride] = the reconstruction from each inner prefix.
  void decode(const LossInput& input, float* y) const {
    const DictionaryArrays& arrays = input.arrays;
    const Index rows = input.pass.rows, stride = arrays.stride();
    const SparseRows codes = sparse_rows(input.codes);
    parallel_for(rows, static_cast<double>(arrays.width() * 32), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        Index nonzero = codes.begin(i);
        const float* start = arrays.decoder_bias;
        for (Index p = 0; p < inner(); ++p) {
          Index stop = nonzero;
          while (stop < codes.end(i) && codes.columns[stop] < ends_[p]) ++stop;
          float* sum = y + (p * rows + i) * stride;
          arrays.add_rows(codes, nonzero, stop, start, sum);
          start = sum;
          nonzero = stop;
        }
        for (Index p = 0; p < inner(); ++p) arrays.unscale(y + (p * rows + i) * stride);
      }
    });
  }

  std::vector<Index> ends_;  // the last one holds all latents
};

}  // namespace

std::unique_ptr<ReconstructionLoss> make_prefix_loss(std::vector<Index> prefixes, Index latents) {
  return std::make_unique<PrefixLoss>(std::move(prefixes), latents);
}

}  // namespace gatewise
