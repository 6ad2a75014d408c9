#include <algorithm>

#include "codes/dictionary_rows.h"
#include "layers/dictionary/reconstruction_loss.h"
#include "layers/square_error.h"

namespace gatewise {
namespace {

class GateLoss final : public ReconstructionLoss {
 public:
  void forward(const LossInput& input, void*& saved) const override {
    if (!input.run.gate_values) return;
    const Index rows = input.pass.rows, stride = input.arrays.stride();
    float* y = input.pass.arena->take<float>(rows * stride);
    saved = y;
    input.arrays.reconstruct(sparse_rows(input.codes, input.run.gate_values), rows, y, stride);
    input.pass.loss += square_error(y, {rows, input.arrays.width(), stride}, *input.pass.expected,
                                    1.0f, *input.pass.arena);
  }

  Index blocks(const void*) const override { return 0; }

  void backward(void* saved, LossGradients& gradients, Arena& arena) const override {
    if (!gradients.run.gate_values) return;
    const Codes& codes = gradients.run.codes;
    float* d_gates = arena.take<float>(codes.nonzeros());
    gradients.d_gates = d_gates;
    if (!saved) return void(std::fill_n(d_gates, codes.nonzeros(), 0.0f));
    const DictionaryArrays& arrays = gradients.arrays;
    auto* d_y = static_cast<float*>(saved);
    set_gradients(d_y, arrays.scale, nullptr, d_y, gradients.block_floats());
    decoder_input_gradient(codes, d_y, arrays.stride(), arrays.decoder, d_gates);
  }
};

}  // namespace

std::unique_ptr<ReconstructionLoss> make_gate_loss() { return std::make_unique<GateLoss>(); }

}  // namespace gatewise
