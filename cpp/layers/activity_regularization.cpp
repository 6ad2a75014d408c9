// y = x, and the loss grows by  (l1 sum |x| + l2 sum x^2) / samples  over all values of a batch.
#include <algorithm>

#include "kernels/reduce.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

class ActivityRegularization final : public Layer {
 public:
  explicit ActivityRegularization(const Options& options)
      : l1_(static_cast<float>(options.number("l1"))),
        l2_(static_cast<float>(options.number("l2"))) {
    require(l1_ >= 0 && l2_ >= 0, "l1, l2: expected at least 0, got ", l1_, " and ", l2_);
  }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    pass.output.rows = x;
    double* sums = pass.arena->take<double>(pass.rows);
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Norms norms = norms_of(x.dense.row(i), x.width);
        sums[i] = l1_ * norms.absolute + l2_ * norms.square;
      }
    });
    double sum = 0;
    for (Index i = 0; i < pass.rows; ++i) sum += sums[i];
    pass.loss += sum / static_cast<double>(std::max<Index>(pass.samples, 1));
  }

  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Input& x = pass.inputs[0];
    const float share = 1.0f / static_cast<float>(pass.samples);
    const float l1 = l1_ * share, l2 = 2 * l2_ * share;
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* row = x.dense.row(i);
        const float* d_y = pass.d_output + i * pass.d_output_stride;
        for (Index j = 0; j < x.width; ++j) {
          const float sign = static_cast<float>(row[j] > 0) - static_cast<float>(row[j] < 0);
          slot.put(i, j, d_y[j] + l1 * sign + l2 * row[j]);
        }
      }
    });
  }

  // The divisor counts samples.
  bool reads_whole_samples() const override { return true; }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "expected one input, got ", widths.size());
    return widths[0];
  }

 private:
  float l1_, l2_;
};

const bool registered = Registry<Layer>::add<ActivityRegularization>("activity_regularization");

}  // namespace
}  // namespace gatewise
