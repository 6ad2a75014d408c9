// y = f(conv(x, K) + b): for each window over the rows of a sample, its patch [taps * channels]
// times the kernel [taps * channels, filters].
#include <algorithm>

#include "layers/activation_output.h"
#include "layers/layer.h"
#include "layers/shapes/windows.h"
#include "products/gradient_keeper.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Windows whose patches are gathered at a time: a multiple of the tile rows of every level.
constexpr Index kBlockWindows = 4 * kRowGrain;

// Max floats of patches, or of their gradient, that exist at a time: 8 MB, work enough for all
// threads. The sums of a kernel's gradient are added for so many samples at a time.
constexpr Index kPatchFloats = Index{1} << 21;

struct Saved {
  float* pre_activation = nullptr;
};

class Convolution final : public Layer {
 public:
  explicit Convolution(const Options& options)
      : windows_(options),
        filters_(options.integer("filters")),
        activation_(activation_from_name(options.text("activation"))),
        use_bias_(options.flag("use_bias")) {
    require(filters_ >= 1, "filters: expected at least 1, got ", filters_);
  }

  bool reads_whole_samples() const override { return true; }
  Activation output_activation() const override { return activation_; }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index positions = windows_.positions(), count = windows_.count();
    require(pass.rows == pass.samples * positions, "x: expected samples of ", positions,
            " rows, got ", pass.rows / std::max<Index>(pass.samples, 1));
    const Index rows = pass.samples * count;
    float* y = pass.take_output(filters_, rows);
    const Index stride = pass.output.stride;
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    const Activation own = pass.skip_activation ? Activation::kLinear : activation_;
    if (pass.step.training && derivative_needs_input(own))
      saved->pre_activation = pass.arena->take<float>(rows * stride);
    const bool by_row = own == Activation::kSoftmax;
    const GroupedWeights kernel = grouped_weights(block_, kernel_, bias_);
    const Index blocks = ceil_divide(count, kBlockWindows);
    const ThreadScratch scratch(kBlockWindows * patch(), *pass.arena);
    const auto run = [&](Index begin, Index end, int thread) {
      for (Index at = begin; at < end; ++at) {
        const Index sample = at / blocks, first = at % blocks * kBlockWindows;
        const Index last = std::min(first + kBlockWindows, count), row = sample * count + first;
        float* patches = scratch.of(thread);
        gather(x, sample, first, last, patches);
        Epilogue epilogue{.activation = by_row ? Activation::kLinear : own,
                          .y = y + row * stride,
                          .y_stride = stride};
        if (saved->pre_activation) epilogue.pre_activation = saved->pre_activation + row * stride;
        multiply(patch_rows(patches), last - first, kernel, 0, epilogue);
      }
    };
    const auto work = static_cast<double>(std::min(count, kBlockWindows) * patch() * filters_);
    parallel_for(pass.samples * blocks, work, run, scratch.threads());
    if (by_row) activate_rows(own, y, y, rows, filters_, stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    if (!pass.skip_activation)
      activate_rows_backward(activation_, saved->pre_activation, pass.output->data,
                             pass.output->stride, pass.d_output, pass.d_output,
                             pass.d_output_stride, pass.output->count, filters_);
    const Index max_samples = std::clamp<Index>(kPatchFloats / (windows_.count() * patch()), 1,
                                                std::max<Index>(pass.samples, 1));
    float* patches = pass.arena->take<float>(max_samples * windows_.count() * patch());
    if (pass.d_inputs[0].data) add_input_gradient(pass, max_samples, patches);
    if (pass.sink) update(pass, max_samples, patches);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "convolution: expected one input, got ", widths.size());
    channels_ = widths[0];
    size_product("kernel_size", {windows_.taps(), channels_, filters_});
    kernel_ = block_.add_kernel("kernel", patch(), filters_);
    if (use_bias_) bias_ = block_.add_vector("bias", "bias", filters_);
    return filters_;
  }

 private:
  Index patch() const { return windows_.taps() * channels_; }

  Input patch_rows(const float* patches) const {
    return {.dense = {patches, patch()}, .width = patch()};
  }

  // Writes the patches of windows [begin, end) of a sample to [end - begin, patch].
  void gather(const Input& x, Index sample, Index begin, Index end, float* to) const {
    for (Index window = begin; window < end; ++window)
      for (Index tap = 0; tap < windows_.taps(); ++tap, to += channels_) {
        const Index position = windows_.source(window, tap);
        if (position < 0)
          std::fill_n(to, channels_, 0.0f);
        else
          std::copy_n(x.dense.row(sample * windows_.positions() + position), channels_, to);
      }
  }

  // Adds the gradient of the patches to that of the rows, tap by tap, window by window.
  void add_input_gradient(const BackwardPass& pass, Index max_samples, float* d_patches) const {
    const GradientSlot& slot = pass.d_inputs[0];
    const Index positions = windows_.positions(), count = windows_.count();
    const Arena::Mark mark = pass.arena->mark();
    for (Index first = 0; first < pass.samples; first += max_samples) {
      const Index samples = std::min(max_samples, pass.samples - first);
      grouped_input_gradient(pass.d_output + first * count * pass.d_output_stride,
                             pass.d_output_stride, all_rows(samples * count, *pass.arena),
                             grouped_weights(block_, kernel_, -1),
                             {.d_x = d_patches, .stride = patch()}, *pass.arena);
      parallel_for(samples, static_cast<double>(count * patch()), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const Index row = (first + i) * positions;
          slot.start_rows(row, row + positions, channels_);
          float* d_x = slot.data + row * slot.stride;
          const float* from = d_patches + i * count * patch();
          for (Index window = 0; window < count; ++window)
            for (Index tap = 0; tap < windows_.taps(); ++tap, from += channels_)
              if (const Index position = windows_.source(window, tap); position >= 0)
                for (Index j = 0; j < channels_; ++j) d_x[position * slot.stride + j] += from[j];
        }
      });
      pass.arena->rewind(mark);
    }
  }

  void update(const BackwardPass& pass, Index max_samples, float* patches) {
    const Index count = windows_.count();
    const Index kernel_floats = block_.at(kernel_).slice_floats();
    const Index bias_floats = use_bias_ ? block_.at(bias_).slice_floats() : 0;
    float* d_kernel = pass.arena->take_zeroed<float>(kernel_floats + bias_floats);
    float* d_bias = d_kernel + kernel_floats;
    GradientKeeper keeper;
    keeper.keep(kernel_, d_kernel);
    keeper.keep(bias_, d_bias);
    const Arena::Mark mark = pass.arena->mark();
    for (Index first = 0; first < pass.samples; first += max_samples) {
      const Index samples = std::min(max_samples, pass.samples - first);
      parallel_for(samples, static_cast<double>(count * patch()), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
          gather(pass.inputs[0], first + i, 0, count, patches + i * count * patch());
      });
      grouped_weight_gradient(patch_rows(patches),
                              pass.d_output + first * count * pass.d_output_stride,
                              pass.d_output_stride, all_rows(samples * count, *pass.arena), block_,
                              kernel_, bias_, keeper, *pass.arena);
      pass.arena->rewind(mark);
    }
    apply_update(pass.sink->begin(kernel_, 0), 0, d_kernel, kernel_floats);
    if (use_bias_) apply_update(pass.sink->begin(bias_, 0), 0, d_bias, bias_floats);
  }

  Windows windows_;
  Index filters_, channels_ = 0;
  Activation activation_;
  bool use_bias_;
  int kernel_ = -1, bias_ = -1;
};

const bool registered = Registry<Layer>::add<Convolution>("convolution");

}  // namespace
}  // namespace gatewise
