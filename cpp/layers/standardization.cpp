// Standardization of a stacked autoencoder: u = s (x - c) before it, y = u / s + c after it. c [d]
// and s are not trained. Gradients between the two are those of s^2 times the loss, as in
// layers/sparse_dictionary.h.
#include "layers/layer.h"

namespace gatewise {
namespace {

class Standardization final : public Layer {
 public:
  explicit Standardization(const Options& options) : is_inverse_(options.flag("inverse")) {}

  void forward(ForwardPass& pass) const override {
    float* y = pass.take_output(width_);
    const float* center = block_.slice(center_);
    const float s = scale(), inverse = 1.0f / s;
    parallel_for(pass.rows, static_cast<double>(2 * width_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* from = pass.inputs[0].dense.row(i);
        float* to = y + i * pass.output.stride;
        for (Index j = 0; j < width_; ++j)
          to[j] = is_inverse_ ? from[j] * inverse + center[j] : s * (from[j] - center[j]);
      }
    });
  }

  // Before the stack: d_x = s d_u / s^2, the gradient of the unscaled loss. After it: d_u = s^2 d_y
  // / s.
  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const float factor = is_inverse_ ? scale() : 1.0f / scale();
    parallel_for(pass.rows, static_cast<double>(width_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* d_y = pass.d_output + i * pass.d_output_stride;
        float* d_x = slot.data + i * slot.stride;
        for (Index j = 0; j < width_; ++j)
          d_x[j] = factor * d_y[j] + (slot.accumulate ? d_x[j] : 0.0f);
      }
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "Standardization: expected one input, got ", widths.size());
    width_ = widths[0];
    center_ = block_.add_vector("center", "state", width_);
    scale_ = block_.add_vector("scale", "state", 1);
    return width_;
  }

 private:
  float scale() const { return block_.slice(scale_)[0]; }

  bool is_inverse_;
  Index width_ = 0;
  int center_ = -1, scale_ = -1;
};

const bool registered = Registry<Layer>::add<Standardization>("standardize");

}  // namespace
}  // namespace gatewise
