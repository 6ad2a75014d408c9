// y = f(x W + b).
#include "layers/activation_output.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

struct Saved {
  float* pre_activation = nullptr;
};

class Dense final : public Layer {
 public:
  explicit Dense(const Options& options)
      : units_(options.integer("units")),
        activation_(activation_from_name(options.text("activation"))),
        use_bias_(options.flag("use_bias")) {
    require(units_ >= 1, "units: expected at least 1, got ", units_);
  }

  void forward(ForwardPass& pass) const override {
    float* y = pass.take_output(units_);
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    const Activation own = pass.skip_activation ? Activation::kLinear : activation_;
    if (pass.step.training && derivative_needs_input(own))
      saved->pre_activation = pass.arena->take<float>(pass.rows * pass.output.stride);
    const bool by_row = own == Activation::kSoftmax;
    const Epilogue epilogue{.activation = by_row ? Activation::kLinear : own,
                            .y = y,
                            .y_stride = pass.output.stride,
                            .pre_activation = saved->pre_activation};
    grouped_forward(pass.inputs[0], all_rows(pass.rows, *pass.arena),
                    grouped_weights(block_, kernel_, bias_), epilogue);
    if (by_row) activate_rows(own, y, y, pass.rows, units_, pass.output.stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Index stride = pass.d_output_stride;
    if (!pass.skip_activation)
      activate_rows_backward(activation_, saved->pre_activation, pass.output->data,
                             pass.output->stride, pass.d_output, pass.d_output, stride, pass.rows,
                             units_);
    const Groups groups = all_rows(pass.rows, *pass.arena);
    if (const GradientSlot& slot = pass.d_inputs[0]; slot.data)
      grouped_input_gradient(
          pass.d_output, stride, groups, grouped_weights(block_, kernel_, -1),
          {.d_x = slot.data, .stride = slot.stride, .accumulate = slot.accumulate}, *pass.arena);
    if (pass.sink)
      grouped_weight_gradient(pass.inputs[0], pass.d_output, stride, groups, block_, kernel_, bias_,
                              *pass.sink, *pass.arena);
  }

  Activation output_activation() const override { return activation_; }
  void set_output_activation(Activation activation) override { activation_ = activation; }
  bool reads_sparse() const override { return true; }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "Dense: expected one input, got ", widths.size());
    kernel_ = block_.add_matrix("kernel", "kernel", widths[0], units_);
    if (use_bias_) bias_ = block_.add_vector("bias", "bias", units_);
    return units_;
  }

 private:
  Index units_;
  Activation activation_;
  bool use_bias_;
  int kernel_ = -1;
  int bias_ = -1;
};

const bool registered = Registry<Layer>::add<Dense>("dense");

}  // namespace
}  // namespace gatewise
