// In training, y = factor x + shift with random factors, which values may share; in prediction,
// y = x. The factors are kept for the backward pass: d_x = factor d_y.
#include <cmath>

#include "kernels/random_fill.h"
#include "layers/layer.h"
#include "layers/shapes/shared_axes.h"

namespace gatewise {
namespace {

struct Saved {
  const float* factors = nullptr;  // null: y = x
  Index positions = 1;             // rows of a sample
};

class RandomFactors : public Layer {
 public:
  explicit RandomFactors(const Options& options)
      : rate_(options.number("rate")),
        axes_(options),
        by_row_(options.flag("by_row")),
        shares_samples_(options.flag("shares_samples")) {
    require(rate_ >= 0 && rate_ < 1, "rate: expected 0 <= rate < 1, got ", rate_);
  }

  bool reads_whole_samples() const override { return !by_row_; }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    if (!pass.step.training || !pass.step.draws_noise || rate_ == 0) {
      pass.output.rows = x;
      return;
    }
    saved->positions = by_row_ ? 1 : axes_.positions(pass.rows, pass.samples);
    saved->factors = draw_factors(pass, pass.rows / saved->positions, x.width);
    float* y = pass.take_output(x.width);
    for_rows(*saved, pass.rows, x.width, [&](Index i, const float* factors, Index step) {
      const float* from = x.dense.row(i);
      float* to = y + i * pass.output.stride;
      for (Index j = 0; j < x.width; ++j) {
        const float factor = factors[j * step];
        to[j] = factor * from[j] + shift(factor);
      }
    });
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Index width = pass.inputs[0].width;
    for_rows(*saved, pass.rows, width, [&](Index i, const float* factors, Index step) {
      const float* d_y = pass.d_output + i * pass.d_output_stride;
      for (Index j = 0; j < width; ++j)
        slot.put(i, j, factors ? factors[j * step] * d_y[j] : d_y[j]);
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "expected one input, got ", widths.size());
    return widths[0];
  }

  // Writes the factors [count]: random numbers `start` and on of a stream.
  virtual void draw(std::uint64_t stream, Index start, float* factors, Index count) const = 0;
  virtual float shift(float /*factor*/) const { return 0.0f; }

  double rate_;

 private:
  // [samples or 1, rows of the axes, stride]; the numbers depend on the row alone.
  float* draw_factors(const ForwardPass& pass, Index samples, Index columns) const {
    const Index width = axes_.width(columns), stride = round_up(width, 4);
    const Index rows = (shares_samples_ ? 1 : samples) * axes_.rows();
    const std::uint64_t stream = pass.step.stream(stream_) + pass.step.number;
    float* factors = pass.arena->take<float>(rows * stride);
    parallel_for(rows, static_cast<double>(width * 8), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) draw(stream, i * stride, factors + i * stride, width);
    });
    return factors;
  }

  // Calls body(row, factors, step): column j reads factors[j * step].
  template <typename Body>
  void for_rows(const Saved& saved, Index rows, Index columns, const Body& body) const {
    const Index stride = round_up(axes_.width(columns), 4);
    const Index step = axes_.shares_columns() ? 0 : 1;
    parallel_for(rows, static_cast<double>(2 * columns), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index sample = shares_samples_ ? 0 : i / saved.positions;
        const Index row = sample * axes_.rows() + axes_.row(i % saved.positions);
        body(i, saved.factors ? saved.factors + row * stride : nullptr, step);
      }
    });
  }

  SharedAxes axes_;
  bool by_row_;  // each row has factors of its own, as if it were a sample
  bool shares_samples_;
};

// 1 / (1 - rate) with probability 1 - rate, else 0 (Srivastava et al. 2014).
class SharedDropout final : public RandomFactors {
 public:
  using RandomFactors::RandomFactors;

 private:
  void draw(std::uint64_t stream, Index start, float* factors, Index count) const override {
    const auto rate = static_cast<float>(rate_);
    fill_uniform(seed_, stream, start, 0.0f, 1.0f, factors, count);
    for (Index j = 0; j < count; ++j) factors[j] = factors[j] >= rate ? 1.0f / (1.0f - rate) : 0.0f;
  }
};

// Normal of mean 1 and variance rate / (1 - rate) (Srivastava et al. 2014, section 10).
class GaussianDropout final : public RandomFactors {
 public:
  using RandomFactors::RandomFactors;

 private:
  void draw(std::uint64_t stream, Index start, float* factors, Index count) const override {
    const auto deviation = static_cast<float>(std::sqrt(rate_ / (1.0 - rate_)));
    fill_normal(seed_, stream, start, 1.0f, deviation, factors, count);
  }
};

// y = a x + b with probability 1 - rate, else a p + b, where p is the limit of SELU at minus
// infinity, and a and b keep mean 0 and variance 1 (Klambauer et al. 2017, appendix of "New dropout
// technique").
class AlphaDropout final : public RandomFactors {
 public:
  explicit AlphaDropout(const Options& options) : RandomFactors(options) {
    constexpr double kLimit =
        -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
    const double a = 1.0 / std::sqrt((1.0 - rate_) * (1.0 + rate_ * kLimit * kLimit));
    const double b = -a * kLimit * rate_;
    factor_ = static_cast<float>(a);
    kept_shift_ = static_cast<float>(b);
    dropped_ = static_cast<float>(a * kLimit + b);
  }

 private:
  void draw(std::uint64_t stream, Index start, float* factors, Index count) const override {
    fill_uniform(seed_, stream, start, 0.0f, 1.0f, factors, count);
    for (Index j = 0; j < count; ++j)
      factors[j] = factors[j] >= static_cast<float>(rate_) ? factor_ : 0.0f;
  }
  float shift(float factor) const override { return factor == 0.0f ? dropped_ : kept_shift_; }

  float factor_, kept_shift_, dropped_;
};

const bool registered = Registry<Layer>::add<SharedDropout>("shared_dropout") &&
                        Registry<Layer>::add<GaussianDropout>("gaussian_dropout") &&
                        Registry<Layer>::add<AlphaDropout>("alpha_dropout");

}  // namespace
}  // namespace gatewise
