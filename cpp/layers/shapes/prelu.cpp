// y = x where x is positive, else alpha x, with a trained alpha that positions or channels may
// share (He et al. 2015, equation 1).
#include <algorithm>

#include "layers/layer.h"
#include "layers/shapes/shared_axes.h"

namespace gatewise {
namespace {

class PRelu final : public Layer {
 public:
  explicit PRelu(const Options& options) : axes_(options) {}

  bool reads_whole_samples() const override { return axes_.reads_positions(); }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index positions = axes_.positions(pass.rows, pass.samples);
    float* y = pass.take_output(x.width);
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float *from = x.dense.row(i), *alpha = alpha_at(i % positions);
        float* to = y + i * pass.output.stride;
        for (Index j = 0; j < x.width; ++j)
          to[j] = from[j] > 0 ? from[j] : alpha[j * step()] * from[j];
      }
    });
  }

  // d_x = d_y where x is positive, alpha d_y where it is negative, and 0 at 0, as in Keras.
  // d_alpha = sum min(x, 0) d_y: for each sample, then over samples in order.
  void backward(BackwardPass& pass) override {
    const Input& x = pass.inputs[0];
    const Index width = x.width, positions = axes_.positions(pass.rows, pass.samples);
    if (const GradientSlot& slot = pass.d_inputs[0]; slot.data)
      parallel_for(pass.rows, static_cast<double>(2 * width), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const float *from = x.dense.row(i), *alpha = alpha_at(i % positions);
          const float* d_y = pass.d_output + i * pass.d_output_stride;
          for (Index j = 0; j < width; ++j) {
            const float negative = from[j] < 0 ? alpha[j * step()] : 0.0f;
            slot.put(i, j, (from[j] > 0 ? 1.0f : negative) * d_y[j]);
          }
        }
      });
    if (pass.sink) update(pass, positions);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "PReLU: expected one input, got ", widths.size());
    size_product("alpha", {axes_.rows(), widths[0]});
    alpha_ = block_.add_rows("alpha", "alpha", axes_.rows(), axes_.width(widths[0]));
    return widths[0];
  }

 private:
  Index step() const { return axes_.shares_columns() ? 0 : 1; }

  const float* alpha_at(Index position) const {
    return block_.slice(alpha_) + axes_.row(position) * block_.at(alpha_).row_floats();
  }

  void update(const BackwardPass& pass, Index positions) {
    const Input& x = pass.inputs[0];
    const Index width = axes_.width(x.width), count = axes_.rows() * width;
    double* sums = pass.arena->take_zeroed<double>(pass.samples * count);
    parallel_for(pass.samples, static_cast<double>(2 * positions * x.width),
                 [&](Index begin, Index end) {
                   for (Index i = begin * positions; i < end * positions; ++i) {
                     const float* from = x.dense.row(i);
                     const float* d_y = pass.d_output + i * pass.d_output_stride;
                     double* to = sums + i / positions * count + axes_.row(i % positions) * width;
                     for (Index j = 0; j < x.width; ++j)
                       to[j * step()] += static_cast<double>(std::min(from[j], 0.0f) * d_y[j]);
                   }
                 });
    const Parameter& alpha = block_.at(alpha_);
    float* d_alpha = pass.arena->take_zeroed<float>(alpha.slice_floats());
    parallel_for(count, static_cast<double>(pass.samples), [&](Index begin, Index end) {
      for (Index at = begin; at < end; ++at) {
        double sum = 0;
        for (Index i = 0; i < pass.samples; ++i) sum += sums[i * count + at];
        d_alpha[at / width * alpha.row_floats() + at % width] = static_cast<float>(sum);
      }
    });
    apply_update(pass.sink->begin(alpha_, 0), 0, d_alpha, alpha.slice_floats());
  }

  SharedAxes axes_;
  int alpha_ = -1;
};

const bool registered = Registry<Layer>::add<PRelu>("prelu");

}  // namespace
}  // namespace gatewise
