// y = f(x W_in + b_in) W_out + b_out.
#include "experts/hidden_expert.h"

namespace gatewise {
namespace {

class MlpExpert final : public HiddenExpert {
 public:
  using HiddenExpert::HiddenExpert;

  void declare(ParameterBlock& block, const std::string& prefix, Index count, Index width,
               Index units, bool output_bias) override {
    kernel_in_ = block.add_expert_matrix(prefix + "kernel_in", count, width, hidden_);
    if (use_bias_) bias_in_ = block.add_expert_vector(prefix + "bias_in", count, hidden_);
    declare_output(block, prefix, count, units, output_bias);
  }

  void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                const void* saved, const ParameterBlock& block, const InputGradient& d_x,
                UpdateSink* sink, Arena& arena) const override {
    const auto& arrays = *static_cast<const HiddenArrays*>(saved);
    const Index rows = groups.total(), stride = arrays.stride;
    float* d_hidden = arena.take<float>(rows * stride);
    grouped_input_gradient(d_y, d_y_stride, groups, grouped_weights(block, kernel_out_, -1),
                           {.d_x = d_hidden,
                            .stride = stride,
                            .activation = activation_,
                            .activated = arrays[kHidden],
                            .pre_activation = arrays[kPreActivation],
                            .activated_stride = stride},
                           arena);
    if (d_x.d_x)
      grouped_input_gradient(d_hidden, stride, groups, grouped_weights(block, kernel_in_, -1), d_x,
                             arena);
    if (!sink) return;
    grouped_weight_gradient(hidden_rows(arrays), d_y, d_y_stride, groups, block, kernel_out_,
                            bias_out_, *sink, arena);
    grouped_weight_gradient(x, d_hidden, stride, groups, block, kernel_in_, bias_in_, *sink, arena);
  }

 private:
  enum : int { kPreActivation = kHidden + 1 };

  int num_arrays(bool keep) const override { return keeps_input(keep) ? 2 : 1; }

  void compute_hidden(const Input& x, const ProductRows& rows, const ParameterBlock& block,
                      const HiddenArrays& arrays) const override {
    rows.multiply(x, grouped_weights(block, kernel_in_, bias_in_),
                  activated(arrays, kHidden, kPreActivation));
  }

  int kernel_in_ = -1, bias_in_ = -1;
};

const bool registered = Registry<Expert>::add<MlpExpert>("mlp");

}  // namespace
}  // namespace gatewise
