// Functions of each value without trained parameters. Each is y = f(x), and d_x = f'(x) d_y with f'
// from x; noise has f' = 1.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/random_fill.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

class Elementwise : public Layer {
 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "expected one input, got ", widths.size());
    return widths[0];
  }

  // Calls body(x, y, row) for each row.
  template <typename Body>
  static void forward_rows(ForwardPass& pass, const Body& body) {
    const Input& x = pass.inputs[0];
    float* y = pass.take_output(x.width);
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) body(x.dense.row(i), y + i * pass.output.stride, i);
    });
  }

  // d_x = derivative(x_j, j) d_y.
  template <typename Derivative>
  static void backward_rows(const BackwardPass& pass, const Derivative& derivative) {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Input& x = pass.inputs[0];
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* from = x.dense.row(i);
        const float* d_y = pass.d_output + i * pass.d_output_stride;
        for (Index j = 0; j < x.width; ++j) slot.put(i, j, derivative(from[j], j) * d_y[j]);
      }
    });
  }
};

// y = scale x + offset.
class Rescaling final : public Elementwise {
 public:
  explicit Rescaling(const Options& options)
      : scale_(static_cast<float>(options.number("scale"))),
        offset_(static_cast<float>(options.number("offset"))) {}

  void forward(ForwardPass& pass) const override {
    const Index width = pass.inputs[0].width;
    forward_rows(pass, [&](const float* x, float* y, Index) {
      for (Index j = 0; j < width; ++j) y[j] = scale_ * x[j] + offset_;
    });
  }
  void backward(BackwardPass& pass) override {
    backward_rows(pass, [this](float, Index) { return scale_; });
  }

 private:
  float scale_, offset_;
};

// y = (x - mean) / max(sqrt(variance), epsilon) by column, or its inverse. Mean and variance are
// set from outside.
class Normalization final : public Elementwise {
 public:
  explicit Normalization(const Options& options) : is_inverse_(options.flag("invert")) {}

  void forward(ForwardPass& pass) const override {
    const Index width = pass.inputs[0].width;
    const float *mean = block_.slice(mean_), *variance = block_.slice(variance_);
    forward_rows(pass, [&](const float* x, float* y, Index) {
      for (Index j = 0; j < width; ++j)
        y[j] = is_inverse_ ? mean[j] + x[j] * deviation(variance[j])
                           : (x[j] - mean[j]) / deviation(variance[j]);
    });
  }
  void backward(BackwardPass& pass) override {
    const float* variance = block_.slice(variance_);
    backward_rows(pass, [&](float, Index j) {
      const float s = deviation(variance[j]);
      return is_inverse_ ? s : 1.0f / s;
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    const Index width = Elementwise::declare(widths);
    mean_ = block_.add_vector("mean", "state", width);
    variance_ = block_.add_vector("variance", "state", width);
    return width;
  }

 private:
  static float deviation(float variance) { return std::max(std::sqrt(variance), 1e-7f); }

  bool is_inverse_;
  int mean_ = -1, variance_ = -1;
};

// y = max_value above it (none if negative), x from `threshold` on, negative_slope (x - threshold)
// below.
class PiecewiseLinear final : public Elementwise {
 public:
  explicit PiecewiseLinear(const Options& options)
      : max_value_(static_cast<float>(options.number("max_value"))),
        negative_slope_(static_cast<float>(options.number("negative_slope"))),
        threshold_(static_cast<float>(options.number("threshold"))) {
    if (max_value_ < 0) max_value_ = std::numeric_limits<float>::infinity();
  }

  void forward(ForwardPass& pass) const override {
    const Index width = pass.inputs[0].width;
    forward_rows(pass, [&](const float* x, float* y, Index) {
      for (Index j = 0; j < width; ++j)
        y[j] =
            x[j] >= threshold_ ? std::min(x[j], max_value_) : negative_slope_ * (x[j] - threshold_);
    });
  }
  void backward(BackwardPass& pass) override {
    backward_rows(pass, [this](float x, Index) {
      if (x >= max_value_) return 0.0f;
      return x > threshold_ ? 1.0f : negative_slope_;
    });
  }

 private:
  float max_value_, negative_slope_, threshold_;
};

// y = x where x is positive, else alpha (e^x - 1) (Clevert et al. 2016, equation 15).
class Elu final : public Elementwise {
 public:
  explicit Elu(const Options& options) : alpha_(static_cast<float>(options.number("alpha"))) {}

  void forward(ForwardPass& pass) const override {
    const Index width = pass.inputs[0].width;
    forward_rows(pass, [&](const float* x, float* y, Index) {
      activate_forward(Activation::kElu, x, y, width);
      for (Index j = 0; j < width; ++j)
        if (x[j] <= 0) y[j] *= alpha_;
    });
  }
  // f' = alpha e^x = y + alpha where x is not positive.
  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Input& x = pass.inputs[0];
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* y = pass.output->data + i * pass.output->stride;
        const float* d_y = pass.d_output + i * pass.d_output_stride;
        for (Index j = 0; j < x.width; ++j)
          slot.put(i, j, (x.dense.row(i)[j] > 0 ? 1.0f : y[j] + alpha_) * d_y[j]);
      }
    });
  }

 private:
  float alpha_;
};

// In training, y = x + noise of a normal distribution; in prediction, y = x.
class GaussianNoise final : public Elementwise {
 public:
  explicit GaussianNoise(const Options& options)
      : stddev_(static_cast<float>(options.number("stddev"))) {
    require(stddev_ >= 0, "stddev: expected at least 0, got ", stddev_);
  }

  void forward(ForwardPass& pass) const override {
    if (!pass.step.training || !pass.step.draws_noise || stddev_ == 0) {
      pass.output.rows = pass.inputs[0];
      return;
    }
    const Index width = pass.inputs[0].width, draws = round_up(width, 4);
    const std::uint64_t stream = pass.step.stream(stream_) + pass.step.number;
    forward_rows(pass, [&](const float* x, float* y, Index row) {
      fill_normal(seed_, stream, row * draws, 0.0f, stddev_, y, width);
      for (Index j = 0; j < width; ++j) y[j] += x[j];
    });
  }
  void backward(BackwardPass& pass) override {
    backward_rows(pass, [](float, Index) { return 1.0f; });
  }

 private:
  float stddev_;
};

const bool registered = Registry<Layer>::add<Rescaling>("rescaling") &&
                        Registry<Layer>::add<Normalization>("normalization") &&
                        Registry<Layer>::add<PiecewiseLinear>("piecewise_linear") &&
                        Registry<Layer>::add<Elu>("elu") &&
                        Registry<Layer>::add<GaussianNoise>("gaussian_noise");

}  // namespace
}  // namespace gatewise
