// What convolutions share: windows, filters, a bias and a last activation.
#pragma once

#include "layers/activation_output.h"
#include "layers/shapes/windows.h"

namespace gatewise {

class WindowedLayer : public Layer {
 public:
  bool reads_whole_samples() const override { return true; }
  Activation output_activation() const override { return activation_; }

 protected:
  explicit WindowedLayer(const Options& options)
      : windows_(options),
        filters_(options.integer("filters")),
        activation_(activation_from_name(options.text("activation"))),
        use_bias_(options.flag("use_bias")) {
    require(filters_ >= 1, "filters: expected at least 1, got ", filters_);
  }

  Activation own_activation(const ForwardPass& pass) const {
    return pass.skip_activation ? Activation::kLinear : activation_;
  }

  // Memory for the pre-activations of all output rows; null if the backward pass reads none.
  float* take_pre_activation(ForwardPass& pass) const {
    const bool is_read = pass.step.training && derivative_needs_input(own_activation(pass));
    return is_read ? pass.arena->take<float>(pass.output.count * pass.output.stride) : nullptr;
  }

  // d_output becomes the gradient of the pre-activations.
  void activation_backward(const BackwardPass& pass, const float* pre_activation) const {
    if (pass.skip_activation) return;
    activate_rows_backward(activation_, pre_activation, pass.output->data, pass.output->stride,
                           pass.d_output, pass.d_output, pass.d_output_stride, pass.output->count,
                           filters_);
  }

  const float* bias() const { return use_bias_ ? block_.slice(bias_) : nullptr; }
  void add_bias() {
    if (use_bias_) bias_ = block_.add_vector("bias", "bias", filters_);
  }

  Windows windows_;
  Index filters_, channels_ = 0;
  Activation activation_;
  bool use_bias_;
  int bias_ = -1;
};

}  // namespace gatewise
