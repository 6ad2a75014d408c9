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
    kernel_out_ = block.add_expert_matrix(prefix + "kernel_out", count, hidden_, units);
    if (output_bias) bias_out_ = block.add_expert_vector(prefix + "bias_out", count, units);
  }

  ExpertRun forward(const Input& x, const Groups& groups, const ParameterBlock& block, float* y,
                    Index y_stride, Arena& arena) const override {
    const Index rows = groups.total();
    ExpertRun run;
    run.stride = round_up(hidden_, kPanelWidth);
    run.hidden = arena.take<float>(rows * run.stride);
    if (slope_needs_input(activation_)) run.gate_input = arena.take<float>(rows * run.stride);
    const Epilogue inner{.activation = activation_,
                         .y = run.hidden,
                         .y_stride = run.stride,
                         .pre_activation = run.gate_input};
    grouped_forward(x, groups, grouped_weights(block, kernel_in_, bias_in_), inner, arena);
    const Epilogue outer{.y = y, .y_stride = y_stride};
    grouped_forward(hidden_rows(run), groups, grouped_weights(block, kernel_out_, bias_out_), outer,
                    arena);
    return run;
  }

  void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                const ExpertRun& run, const ParameterBlock& block, const InputGradient& d_x,
                UpdateSink* sink, Arena& arena) const override {
    const Index rows = groups.total();
    float* d_hidden = arena.take<float>(rows * run.stride);
    grouped_input_gradient(d_y, d_y_stride, groups, grouped_weights(block, kernel_out_, -1),
                           {.d_x = d_hidden, .stride = run.stride});
    backward_rows(activation_, run.gate_input, run.hidden, d_hidden, d_hidden, rows, hidden_,
                  run.stride);
    if (d_x.d_x)
      grouped_input_gradient(d_hidden, run.stride, groups, grouped_weights(block, kernel_in_, -1),
                             d_x);
    if (!sink) return;
    grouped_weight_gradient(hidden_rows(run), d_y, d_y_stride, groups, block, kernel_out_,
                            bias_out_, *sink, arena);
    grouped_weight_gradient(x, d_hidden, run.stride, groups, block, kernel_in_, bias_in_, *sink,
                            arena);
  }

 private:
  int kernel_in_ = -1, bias_in_ = -1;
  int kernel_out_ = -1, bias_out_ = -1;
};

const bool registered = Registry<Expert>::add<MlpExpert>("mlp");

}  // namespace
}  // namespace gatewise
