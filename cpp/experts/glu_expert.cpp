// y = (f(x W_gate + b_gate) * (x W_value + b_value)) W_out + b_out (Shazeer 2020, "GLU variants
// improve transformer", eq. 5 and 6; SwiGLU with f = silu).
#include "experts/hidden_expert.h"

namespace gatewise {
namespace {

class GluExpert final : public HiddenExpert {
 public:
  using HiddenExpert::HiddenExpert;

  void declare(ParameterBlock& block, const std::string& prefix, Index count, Index width,
               Index units, bool output_bias) override {
    kernel_gate_ = block.add_expert_matrix(prefix + "kernel_gate", count, width, hidden_);
    if (use_bias_) bias_gate_ = block.add_expert_vector(prefix + "bias_gate", count, hidden_);
    kernel_value_ = block.add_expert_matrix(prefix + "kernel_value", count, width, hidden_);
    if (use_bias_) bias_value_ = block.add_expert_vector(prefix + "bias_value", count, hidden_);
    declare_output(block, prefix, count, units, output_bias);
  }

  void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                const void* saved, const ParameterBlock& block, const InputGradient& d_x,
                UpdateSink* sink, Arena& arena) const override {
    const auto& arrays = *static_cast<const HiddenArrays*>(saved);
    const Index rows = groups.total(), stride = arrays.stride;
    float* d_gate = arena.take<float>(rows * stride);
    float* d_value = arena.take<float>(rows * stride);
    grouped_input_gradient(d_y, d_y_stride, groups, grouped_weights(block, kernel_out_, -1),
                           {.d_x = d_gate, .stride = stride}, arena);
    parallel_for(rows, static_cast<double>(2 * hidden_), [&](Index begin, Index end) {
      multiply_rows(d_gate, arrays[kGate], d_value, begin, end, stride);
      multiply_rows(d_gate, arrays[kValue], d_gate, begin, end, stride);
    });
    backward_rows(activation_, arrays[kPreActivation], arrays[kGate], d_gate, d_gate, rows, hidden_,
                  stride);
    if (d_x.d_x) {
      const GroupedGradientTerm terms[] = {
          {d_gate, stride, grouped_weights(block, kernel_gate_, -1)},
          {d_value, stride, grouped_weights(block, kernel_value_, -1)}};
      grouped_input_gradient(terms, groups, d_x, arena);
    }
    if (!sink) return;
    grouped_weight_gradient(hidden_rows(arrays), d_y, d_y_stride, groups, block, kernel_out_,
                            bias_out_, *sink, arena);
    grouped_weight_gradient(x, d_gate, stride, groups, block, kernel_gate_, bias_gate_, *sink,
                            arena);
    grouped_weight_gradient(x, d_value, stride, groups, block, kernel_value_, bias_value_, *sink,
                            arena);
  }

 private:
  // The factors f(x W_gate + b_gate) and x W_value + b_value, and the first before f.
  enum : int { kGate = kHidden + 1, kValue, kPreActivation };

  int num_arrays(bool keep) const override { return keeps_input(keep) ? 4 : 3; }

  void compute_hidden(const Input& x, const ProductRows& rows, const ParameterBlock& block,
                      const HiddenArrays& arrays) const override {
    rows.multiply(x, grouped_weights(block, kernel_gate_, bias_gate_),
                  activated(arrays, kGate, kPreActivation));
    rows.multiply(x, grouped_weights(block, kernel_value_, bias_value_),
                  {.y = arrays[kValue], .y_stride = arrays.stride});
    rows.for_rows(static_cast<double>(hidden_), [&](Index begin, Index end) {
      multiply_rows(arrays[kGate], arrays[kValue], arrays[kHidden], begin, end, arrays.stride);
    });
  }

  // c = a * b over the columns, without padding, of rows [begin, end); c may alias a.
  void multiply_rows(const float* a, const float* b, float* c, Index begin, Index end,
                     Index stride) const {
    for (Index i = begin; i < end; ++i)
      for (Index j = i * stride; j < i * stride + hidden_; ++j) c[j] = a[j] * b[j];
  }

  int kernel_gate_ = -1, bias_gate_ = -1;
  int kernel_value_ = -1, bias_value_ = -1;
};

const bool registered = Registry<Expert>::add<GluExpert>("glu");

}  // namespace
}  // namespace gatewise
