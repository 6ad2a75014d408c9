// One row for each sample: the mean, or the max, of each column over the sample's rows.
#include <algorithm>

#include "kernels/rows.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

class GlobalPooling final : public Layer {
 public:
  explicit GlobalPooling(const Options& options) : takes_max_(options.text("pooling") == "max") {
    require(takes_max_ || options.text("pooling") == "average",
            "pooling: expected 'average' or 'max', got ", options.text("pooling"));
  }

  bool reads_whole_samples() const override { return true; }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index width = x.width, each = pass.rows / pass.samples;
    float* y = pass.take_output(width, pass.samples);
    parallel_for(pass.samples, static_cast<double>(each * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* to = y + i * pass.output.stride;
        copy_or_add(x.dense.row(i * each), to, width, false);
        for (Index row = 1; row < each; ++row) {
          const float* from = x.dense.row(i * each + row);
          if (takes_max_)
            for (Index j = 0; j < width; ++j) to[j] = std::max(to[j], from[j]);
          else
            copy_or_add(from, to, width, true);
        }
        if (!takes_max_) set_scaled(to, 1.0f / static_cast<float>(each), to, width);
      }
    });
  }

  // The gradient of a max is divided equally among the rows that attain it.
  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Input& x = pass.inputs[0];
    const Index width = x.width, each = pass.rows / pass.samples;
    parallel_for(pass.samples, static_cast<double>(each * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* d_y = pass.d_output + i * pass.d_output_stride;
        const float* y = pass.output->data + i * pass.output->stride;
        if (!takes_max_)
          set_scaled(d_y, 1.0f / static_cast<float>(each), d_y, width);
        else
          for (Index j = 0; j < width; ++j) {
            Index ties = 0;
            for (Index row = 0; row < each; ++row) ties += x.dense.row(i * each + row)[j] == y[j];
            d_y[j] /= static_cast<float>(std::max<Index>(ties, 1));
          }
        for (Index row = 0; row < each; ++row) {
          const float* from = x.dense.row(i * each + row);
          for (Index j = 0; j < width; ++j)
            slot.put(i * each + row, j, !takes_max_ || from[j] == y[j] ? d_y[j] : 0.0f);
        }
      }
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "expected one input, got ", widths.size());
    return widths[0];
  }

 private:
  bool takes_max_;
};

const bool registered = Registry<Layer>::add<GlobalPooling>("global_pooling");

}  // namespace
}  // namespace gatewise
