// y = f(conv(x, K) + b) with channels in groups. In a depthwise convolution a group is a channel,
// and K [taps * channels, filters / channels].
#include <memory>

#include "layers/shapes/grouped_taps.h"
#include "layers/shapes/windowed_layer.h"

namespace gatewise {
namespace {

struct Saved {
  float* pre_activation = nullptr;
  const float* kernel = nullptr;  // packed
};

class GroupedConvolution final : public WindowedLayer {
 public:
  explicit GroupedConvolution(const Options& options)
      : WindowedLayer(options),
        groups_(options.integer("groups")),
        is_depthwise_(options.flag("depthwise")) {}

  void forward(ForwardPass& pass) const override {
    pass.check_sample_rows(taps_->positions());
    const Index rows = pass.samples * taps_->windows();
    float* y = pass.take_output(filters_, rows);
    const Index stride = pass.output.stride;
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    saved->kernel = packed_rows(block_, kernel_, *pass.arena);
    saved->pre_activation = take_pre_activation(pass);
    float* sums = saved->pre_activation ? saved->pre_activation : y;
    taps_->forward(pass.inputs[0].dense, pass.samples, saved->kernel, bias(), sums, stride);
    activate_rows(own_activation(pass), sums, y, rows, filters_, stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    activation_backward(pass, saved->pre_activation);
    if (pass.d_inputs[0].data)
      taps_->input_gradient(pass.d_output, pass.d_output_stride, pass.samples, saved->kernel,
                            pass.d_inputs[0]);
    if (!pass.sink) return;
    float* packed = pass.arena->take<float>(taps_->rows() * filters_);
    taps_->kernel_gradient(pass.inputs[0].dense, pass.d_output, pass.d_output_stride, pass.samples,
                           packed);
    apply_update(pass.sink->begin(kernel_, 0), 0,
                 unpacked_rows(block_, kernel_, packed, *pass.arena),
                 block_.at(kernel_).slice_floats());
    if (use_bias_)
      grouped_bias_gradient(pass.d_output, pass.d_output_stride,
                            all_rows(pass.output->count, *pass.arena), block_, bias_, *pass.sink,
                            *pass.arena);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "convolution: expected one input, got ", widths.size());
    channels_ = widths[0];
    const Index depth = GroupedTaps::depth(channels_, filters_, groups_);
    const Index values = size_product("kernel_size", {windows_.taps(), depth, filters_});
    const Index rows = windows_.taps() * (is_depthwise_ ? channels_ : depth);
    kernel_ = block_.add_rows("kernel", "kernel", rows, values / rows);
    add_bias();
    return filters_;
  }

  // Its table of filters is made when their count is known to be allowed.
  void start_values() override {
    taps_ = std::make_unique<GroupedTaps>(windows_, channels_, filters_, groups_);
  }

 private:
  Index groups_;
  bool is_depthwise_;
  std::unique_ptr<GroupedTaps> taps_;
  int kernel_ = -1;
};

const bool registered = Registry<Layer>::add<GroupedConvolution>("grouped_convolution");

}  // namespace
}  // namespace gatewise
