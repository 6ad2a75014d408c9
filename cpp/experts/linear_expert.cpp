// y = f(x W_e + b_e); f is the identity by default.
#include "experts/expert.h"

namespace gatewise {
namespace {

struct Saved {
  const float* y = nullptr;
  float* pre_activation = nullptr;  // like y, if the derivative needs it
};

class LinearExpert final : public Expert {
 public:
  explicit LinearExpert(const Options& options) : activation_(expert_activation(options)) {}

  void declare(ParameterBlock& block, const std::string& prefix, Index count, Index width,
               Index units, bool output_bias) override {
    kernel_ = block.add_expert_matrix(prefix + "kernel", count, width, units);
    if (output_bias) bias_ = block.add_expert_vector(prefix + "bias", count, units);
  }

  const void* forward(const Input& x, const Groups& groups, const ParameterBlock& block, float* y,
                      Index y_stride, bool keep, Arena& arena) const override {
    auto* saved = arena.make<Saved>();
    saved->y = y;
    if (keep && derivative_needs_input(activation_))
      saved->pre_activation = arena.take<float>(groups.total() * y_stride);
    const Epilogue epilogue{.activation = activation_,
                            .y = y,
                            .y_stride = y_stride,
                            .pre_activation = saved->pre_activation};
    grouped_forward(x, groups, grouped_weights(block, kernel_, bias_), epilogue, arena);
    return saved;
  }

  void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                const void* memory, const ParameterBlock& block, const InputGradient& d_x,
                UpdateSink* sink, Arena& arena) const override {
    const auto& saved = *static_cast<const Saved*>(memory);
    backward_rows(activation_, saved.pre_activation, saved.y, d_y, d_y, groups.total(),
                  block.at(kernel_).shape.cols, d_y_stride);
    if (d_x.d_x)
      grouped_input_gradient(d_y, d_y_stride, groups, grouped_weights(block, kernel_, -1), d_x,
                             arena);
    if (sink)
      grouped_weight_gradient(x, d_y, d_y_stride, groups, block, kernel_, bias_, *sink, arena);
  }

 private:
  Activation activation_;
  int kernel_ = -1;
  int bias_ = -1;
};

const bool registered = Registry<Expert>::add<LinearExpert>("linear");

}  // namespace
}  // namespace gatewise
