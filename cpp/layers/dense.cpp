// y = f(x W + b); "member_dense" has a kernel and a bias for each member of an ensemble.
#include "layers/activation_output.h"
#include "layers/layer.h"
#include "layers/member_rows.h"

namespace gatewise {
namespace {

struct Saved {
  float* pre_activation = nullptr;
};

class Dense : public Layer {
 public:
  explicit Dense(const Options& options)
      : units_(options.integer("units")),
        activation_(activation_from_name(options.text("activation"))),
        use_bias_(options.flag("use_bias")) {
    set_kernel_storage(options);
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
    grouped_forward(pass.inputs[0], groups(pass.rows, *pass.arena),
                    grouped_weights(block_, kernel_, bias_), epilogue, *pass.arena);
    if (by_row) activate_rows(own, y, y, pass.rows, units_, pass.output.stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Index stride = pass.d_output_stride;
    if (!pass.skip_activation)
      activate_rows_backward(activation_, saved->pre_activation, pass.output->data,
                             pass.output->stride, pass.d_output, pass.d_output, stride, pass.rows,
                             units_);
    const Groups groups = this->groups(pass.rows, *pass.arena);
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
    add_parameters(widths[0]);
    return units_;
  }

  virtual void add_parameters(Index width) {
    kernel_ = block_.add_kernel("kernel", width, units_);
    if (use_bias_) bias_ = block_.add_vector("bias", "bias", units_);
  }

  // The rows of each kernel.
  virtual Groups groups(Index rows, Arena& arena) const { return all_rows(rows, arena); }

  Index units_;
  Activation activation_;
  bool use_bias_;
  int kernel_ = -1;
  int bias_ = -1;
};

class MemberDense final : public Dense {
 public:
  explicit MemberDense(const Options& options) : Dense(options), members_(members_from(options)) {}

  Index members() const override { return members_; }
  bool reads_sparse() const override { return false; }

 private:
  void add_parameters(Index width) override {
    kernel_ = block_.add_expert_matrix("kernel", members_, width, units_);
    if (use_bias_) bias_ = block_.add_expert_vector("bias", members_, units_);
  }

  Groups groups(Index rows, Arena& arena) const override {
    return member_groups(rows, members_, arena);
  }

  Index members_;
};

const bool registered =
    Registry<Layer>::add<Dense>("dense") && Registry<Layer>::add<MemberDense>("member_dense");

}  // namespace
}  // namespace gatewise
