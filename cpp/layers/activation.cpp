// y = f(x) elementwise, or softmax over each row.
#include "kernels/rows.h"
#include "layers/activation_output.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

class ActivationLayer final : public Layer {
 public:
  explicit ActivationLayer(const Options& options)
      : activation_(activation_from_name(options.text("activation"))) {}

  void forward(ForwardPass& pass) const override {
    const Index width = pass.inputs[0].width;
    float* y = pass.take_output(width);
    const Activation own = pass.skip_activation ? Activation::kLinear : activation_;
    parallel_for(pass.rows, static_cast<double>(width * 4), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* x = pass.inputs[0].dense.row(i);
        float* out = y + i * pass.output.stride;
        if (own == Activation::kSoftmax)
          softmax_forward(x, out, width);
        else
          activate_forward(own, x, out, width);
      }
    });
  }

  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Index width = pass.inputs[0].width;
    const Activation own = pass.skip_activation ? Activation::kLinear : activation_;
    parallel_for(pass.rows, static_cast<double>(width * 4), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* d = pass.d_output + i * pass.d_output_stride;
        const float* y = pass.output->data + i * pass.output->stride;
        if (own == Activation::kSoftmax)
          softmax_backward(y, d, d, width);
        else
          activate_backward(own, pass.inputs[0].dense.row(i), y, d, d, width);
        copy_or_add(d, slot.data + i * slot.stride, width, slot.accumulate);
      }
    });
  }

  Activation output_activation() const override { return activation_; }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "Activation: expected one input, got ", widths.size());
    return widths[0];
  }

 private:
  Activation activation_;
};

const bool registered = Registry<Layer>::add<ActivationLayer>("activation");

}  // namespace
}  // namespace gatewise
