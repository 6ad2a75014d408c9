#include <algorithm>

#include "codes/dead_latents.h"
#include "codes/dictionary_rows.h"
#include "core/parallel.h"
#include "layers/dictionary/reconstruction_loss.h"
#include "layers/square_error.h"

namespace gatewise {
namespace {

class AuxKLoss final : public ReconstructionLoss {
 public:
  AuxKLoss(Index k, float weight, double dead_rows)
      : k_(k), weight_(weight), dead_rows_(dead_rows) {
    require(k_ >= -1, "dead.k: expected at least -1, got ", k_);
  }

  void forward(const LossInput& input, void*& saved) const override {
    const DictionaryArrays& arrays = input.arrays;
    Arena& arena = *input.pass.arena;
    DeadLatents dead =
        find_dead_latents(arrays.rows_since_active, arrays.latents(), dead_rows_, arena);
    if (dead.count == 0) return;
    gather_dead_weights(dead, arrays.encoder.float32(), arrays.encoder_bias, arena);
    const Index rows = input.pass.rows, stride = arrays.stride();
    const Index k = k_ < 0 ? std::max<Index>(arrays.width() / 2, 1) : k_;
    auto* errors = arena.make<Errors>();
    saved = errors;
    errors->codes = dead_codes(dead, {input.u, stride}, rows, k, arena);
    errors->d_y = arena.take<float>(rows * stride);
    compare(input, *errors, static_cast<double>(arrays.width() * k));
    Expected zeros = *input.pass.expected;
    zeros.values = nullptr;
    input.pass.loss +=
        square_error(errors->d_y, {rows, arrays.width(), stride}, zeros, weight_, arena);
  }

  Index blocks(const void* saved) const override { return saved ? 1 : 0; }

  void backward(void* saved, LossGradients& gradients, Arena& arena) const override {
    if (!saved) return;
    const auto& errors = *static_cast<const Errors*>(saved);
    const DictionaryArrays& arrays = gradients.arrays;
    const Index d_row = gradients.take_block();
    set_gradients(errors.d_y, arrays.scale, nullptr, gradients.row(d_row),
                  gradients.block_floats());
    float* d_values = arena.take<float>(errors.codes.nonzeros());
    decoder_input_gradient(errors.codes, gradients.row(d_row), arrays.stride(), arrays.decoder,
                           d_values);
    gradients.terms[gradients.num_terms++] = {.codes = errors.codes,
                                              .values = errors.codes.values,
                                              .gradients = d_values,
                                              .bias_gradients = d_values,
                                              .d_row = d_row};
  }

 private:
  struct Errors {
    Codes codes;           // of the dead latents
    float* d_y = nullptr;  // [rows, stride] errors, then their gradients
  };

  // d_y = the reconstruction from dead latents, without bias, minus the output's residual.
  static void compare(const LossInput& input, const Errors& errors, double operations) {
    const DictionaryArrays& arrays = input.arrays;
    const Output& output = input.pass.output;
    const SparseRows codes = sparse_rows(errors.codes);
    const float inverse = 1.0f / arrays.scale;
    const Index width = arrays.width();
    parallel_for(input.pass.rows, operations, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* sum = errors.d_y + i * arrays.stride();
        arrays.add_rows(codes, codes.begin(i), codes.end(i), nullptr, sum);
        const float* y = output.data + i * output.stride;
        const float* target = input.pass.expected->row(i, width);
        for (Index j = 0; j < width; ++j) sum[j] = sum[j] * inverse - (target[j] - y[j]);
      }
    });
  }

  Index k_;
  float weight_;
  double dead_rows_;
};

}  // namespace

std::unique_ptr<ReconstructionLoss> make_aux_k_loss(Index k, float weight, double dead_rows) {
  return std::make_unique<AuxKLoss>(k, weight, dead_rows);
}

}  // namespace gatewise
