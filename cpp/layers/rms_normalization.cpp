// y = scale x / sqrt(mean(x^2) + epsilon) over each row (Zhang and Sennrich 2019, equation 4).
#include <cmath>

#include "layers/layer.h"

namespace gatewise {
namespace {

struct Saved {
  float* inverse = nullptr;  // [rows], 1 / sqrt(mean(x^2) + epsilon)
};

class RmsNormalization final : public Layer {
 public:
  explicit RmsNormalization(const Options& options) : epsilon_(options.number("epsilon")) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index width = x.width;
    float* y = pass.take_output(width);
    auto* saved = pass.arena->make<Saved>();
    saved->inverse = pass.arena->take<float>(pass.rows);
    pass.saved = saved;
    const float* scale = block_.slice(scale_);
    parallel_for(pass.rows, static_cast<double>(4 * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* from = x.dense.row(i);
        double square = 0;
        for (Index j = 0; j < width; ++j) square += static_cast<double>(from[j]) * from[j];
        const double mean = square / static_cast<double>(width);
        const float inverse = static_cast<float>(1.0 / std::sqrt(mean + epsilon_));
        float* to = y + i * pass.output.stride;
        for (Index j = 0; j < width; ++j) to[j] = from[j] * inverse * scale[j];
        saved->inverse[i] = inverse;
      }
    });
  }

  // With n = x inverse and g = scale d_y: d_x = inverse (g - n mean(g n)), d_scale = sum d_y n.
  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Input& x = pass.inputs[0];
    const Index width = x.width;
    const float* scale = block_.slice(scale_);
    if (const GradientSlot& slot = pass.d_inputs[0]; slot.data)
      parallel_for(pass.rows, static_cast<double>(4 * width), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const float* from = x.dense.row(i);
          const float* d_y = pass.d_output + i * pass.d_output_stride;
          const float inverse = saved->inverse[i];
          double sum = 0;
          for (Index j = 0; j < width; ++j)
            sum += static_cast<double>(scale[j] * d_y[j]) * (from[j] * inverse);
          const auto mean = static_cast<float>(sum / static_cast<double>(width));
          for (Index j = 0; j < width; ++j)
            slot.put(i, j, inverse * (scale[j] * d_y[j] - from[j] * inverse * mean));
        }
      });
    if (!pass.sink) return;
    parallel_for(pass.rows, static_cast<double>(width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index j = 0; j < width; ++j)
          pass.d_output[i * pass.d_output_stride + j] *= x.dense.row(i)[j] * saved->inverse[i];
    });
    grouped_bias_gradient(pass.d_output, pass.d_output_stride, all_rows(pass.rows, *pass.arena),
                          block_, scale_, *pass.sink, *pass.arena);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "RMSNormalization: expected one input, got ", widths.size());
    scale_ = block_.add_vector("scale", "scale", widths[0]);
    return widths[0];
  }

 private:
  double epsilon_;
  int scale_ = -1;
};

const bool registered = Registry<Layer>::add<RmsNormalization>("rms_normalization");

}  // namespace
}  // namespace gatewise
