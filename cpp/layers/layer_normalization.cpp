// y = gamma (x - mean) / sqrt(variance + epsilon) + beta over each row (Ba, Kiros and Hinton 2016).
#include "kernels/rows.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

struct Saved {
  float* normal;   // [rows, width] with the output's stride: (x - mean) inverse
  float* inverse;  // [rows] 1 / sqrt(variance + epsilon)
};

class LayerNormalization final : public Layer {
 public:
  explicit LayerNormalization(const Options& options)
      : epsilon_(static_cast<float>(options.number("epsilon"))),
        center_(options.flag("center")),
        scale_(options.flag("scale")) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    float* y = pass.take_output(x.width);
    const Index stride = pass.output.stride;
    auto* saved = pass.arena->make<Saved>();
    saved->normal = pass.arena->take<float>(pass.rows * stride);
    saved->inverse = pass.arena->take<float>(pass.rows);
    pass.saved = saved;
    parallel_for(pass.rows, static_cast<double>(x.width * 4), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        saved->inverse[i] =
            layer_norm_forward(x.dense.row(i), vector(gamma_), vector(beta_), epsilon_,
                               saved->normal + i * stride, y + i * stride, x.width);
    });
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Index width = pass.inputs[0].width, stride = pass.output->stride;
    const Index d_stride = pass.d_output_stride;
    if (const GradientSlot& slot = pass.d_inputs[0]; slot.data) {
      parallel_for(pass.rows, static_cast<double>(width * 4), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
          layer_norm_backward(saved->normal + i * stride, vector(gamma_),
                              pass.d_output + i * d_stride, saved->inverse[i],
                              slot.data + i * slot.stride, width, slot.accumulate);
      });
    }
    if (!pass.sink) return;
    const Groups groups = all_rows(pass.rows, *pass.arena);
    if (beta_ >= 0)
      grouped_bias_gradient(pass.d_output, d_stride, groups, block_, beta_, *pass.sink,
                            *pass.arena);
    if (gamma_ < 0) return;
    // d_gamma = sum over rows of d_y * normal.
    for (Index i = 0; i < pass.rows; ++i)
      for (Index j = 0; j < width; ++j)
        pass.d_output[i * d_stride + j] *= saved->normal[i * stride + j];
    grouped_bias_gradient(pass.d_output, d_stride, groups, block_, gamma_, *pass.sink, *pass.arena);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "LayerNormalization: expected one input, got ", widths.size());
    if (scale_) gamma_ = block_.add_vector("gamma", "scale", widths[0]);
    if (center_) beta_ = block_.add_vector("beta", "bias", widths[0]);
    return widths[0];
  }

 private:
  const float* vector(int parameter) const {
    return parameter >= 0 ? block_.slice(parameter) : nullptr;
  }

  float epsilon_;
  bool center_;
  bool scale_;
  int gamma_ = -1;
  int beta_ = -1;
};

const bool registered = Registry<Layer>::add<LayerNormalization>("layer_normalization");

}  // namespace
}  // namespace gatewise
