// y = f(z P + b), where z is a depthwise convolution of x: K [taps * channels, multiplier], and P
// [channels * multiplier, filters].
#include <memory>

#include "layers/shapes/grouped_taps.h"
#include "layers/shapes/windowed_layer.h"

namespace gatewise {
namespace {

struct Saved {
  float* depthwise = nullptr;  // z, [rows, channels * multiplier]
  Index stride = 0;
  float* pre_activation = nullptr;
  const float* kernel = nullptr;  // packed
};

class SeparableConvolution final : public WindowedLayer {
 public:
  explicit SeparableConvolution(const Options& options)
      : WindowedLayer(options), multiplier_(options.integer("multiplier")) {
    require(multiplier_ >= 1, "depth_multiplier: expected at least 1, got ", multiplier_);
  }

  void forward(ForwardPass& pass) const override {
    pass.check_sample_rows(taps_->positions());
    const Index rows = pass.samples * taps_->windows();
    float* y = pass.take_output(filters_, rows);
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    saved->kernel = packed_rows(block_, depthwise_, *pass.arena);
    saved->stride = round_up(taps_->filters(), kPanelWidth);
    saved->depthwise = pass.arena->take<float>(rows * saved->stride);
    taps_->forward(pass.inputs[0].dense, pass.samples, saved->kernel, nullptr, saved->depthwise,
                   saved->stride);
    const Activation own = own_activation(pass);
    const bool by_row = own == Activation::kSoftmax;
    Epilogue epilogue{
        .activation = by_row ? Activation::kLinear : own, .y = y, .y_stride = pass.output.stride};
    epilogue.pre_activation = saved->pre_activation = take_pre_activation(pass);
    grouped_forward(depthwise_rows(*saved), all_rows(rows, *pass.arena),
                    grouped_weights(block_, pointwise_, bias_), epilogue);
    if (by_row) activate_rows(own, y, y, rows, filters_, pass.output.stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    activation_backward(pass, saved->pre_activation);
    const Index rows = pass.output->count;
    const Groups groups = all_rows(rows, *pass.arena);
    float* d_z = pass.arena->take<float>(rows * saved->stride);
    grouped_input_gradient(pass.d_output, pass.d_output_stride, groups,
                           grouped_weights(block_, pointwise_, -1),
                           {.d_x = d_z, .stride = saved->stride}, *pass.arena);
    if (pass.d_inputs[0].data)
      taps_->input_gradient(d_z, saved->stride, pass.samples, saved->kernel, pass.d_inputs[0]);
    if (!pass.sink) return;
    float* packed = pass.arena->take<float>(taps_->rows() * taps_->filters());
    taps_->kernel_gradient(pass.inputs[0].dense, d_z, saved->stride, pass.samples, packed);
    apply_update(pass.sink->begin(depthwise_, 0), 0,
                 unpacked_rows(block_, depthwise_, packed, *pass.arena),
                 block_.at(depthwise_).slice_floats());
    grouped_weight_gradient(depthwise_rows(*saved), pass.d_output, pass.d_output_stride, groups,
                            block_, pointwise_, bias_, *pass.sink, *pass.arena);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "convolution: expected one input, got ", widths.size());
    channels_ = widths[0];
    const Index width = size_product("depth_multiplier", {channels_, multiplier_});
    size_product("kernel_size", {windows_.taps(), width});
    size_product("filters", {width, filters_});
    depthwise_ =
        block_.add_rows("depthwise_kernel", "kernel", windows_.taps() * channels_, multiplier_);
    pointwise_ = block_.add_kernel("pointwise_kernel", width, filters_);
    add_bias();
    return filters_;
  }

  // Its table of filters is made when their count is known to be allowed.
  void start_values() override {
    taps_ = std::make_unique<GroupedTaps>(windows_, channels_, channels_ * multiplier_, channels_);
  }

 private:
  Input depthwise_rows(const Saved& saved) const {
    return {.dense = {saved.depthwise, saved.stride}, .width = taps_->filters()};
  }

  Index multiplier_;
  std::unique_ptr<GroupedTaps> taps_;
  int depthwise_ = -1, pointwise_ = -1;
};

const bool registered = Registry<Layer>::add<SeparableConvolution>("separable_convolution");

}  // namespace
}  // namespace gatewise
