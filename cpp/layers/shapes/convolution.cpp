// y = f(conv(x, K) + b): for each window over the rows of a sample, its patch [taps * channels]
// times the kernel [taps * channels, filters].
#include <algorithm>

#include "layers/activation_output.h"
#include "layers/shapes/patches.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Windows whose patches are gathered at a time: a multiple of the tile rows of every level.
constexpr Index kBlockWindows = 4 * kRowGrain;

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
    const ThreadScratch scratch(kBlockWindows * patches().width(), *pass.arena);
    const auto run = [&](Index begin, Index end, int thread) {
      for (Index at = begin; at < end; ++at) {
        const Index sample = at / blocks, first = at % blocks * kBlockWindows;
        const Index last = std::min(first + kBlockWindows, count), row = sample * count + first;
        float* own_patches = scratch.of(thread);
        patches().gather(x.dense, sample * positions, first, last, own_patches);
        Epilogue epilogue{.activation = by_row ? Activation::kLinear : own,
                          .y = y + row * stride,
                          .y_stride = stride};
        if (saved->pre_activation) epilogue.pre_activation = saved->pre_activation + row * stride;
        multiply(patches().rows(own_patches), last - first, kernel, 0, epilogue);
      }
    };
    const auto work =
        static_cast<double>(std::min(count, kBlockWindows) * patches().width() * filters_);
    parallel_for(pass.samples * blocks, work, run, scratch.threads());
    if (by_row) activate_rows(own, y, y, rows, filters_, stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    if (!pass.skip_activation)
      activate_rows_backward(activation_, saved->pre_activation, pass.output->data,
                             pass.output->stride, pass.d_output, pass.d_output,
                             pass.d_output_stride, pass.output->count, filters_);
    const Index max_samples = patches().max_samples(pass.samples);
    float* scratch = pass.arena->take<float>(max_samples * patches().sample_floats());
    if (pass.d_inputs[0].data) add_input_gradient(pass, max_samples, scratch);
    if (pass.sink) update(pass, max_samples, scratch);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "convolution: expected one input, got ", widths.size());
    channels_ = widths[0];
    size_product("kernel_size", {windows_.taps(), channels_, filters_});
    kernel_ = block_.add_kernel("kernel", patches().width(), filters_);
    if (use_bias_) bias_ = block_.add_vector("bias", "bias", filters_);
    return filters_;
  }

 private:
  Patches patches() const { return {windows_, channels_}; }

  // Adds the gradient of the patches to that of the rows.
  void add_input_gradient(const BackwardPass& pass, Index max_samples, float* d_patches) const {
    const GradientSlot& slot = pass.d_inputs[0];
    const Index positions = windows_.positions(), count = windows_.count();
    const Index floats = patches().sample_floats();
    const Arena::Mark mark = pass.arena->mark();
    for (Index first = 0; first < pass.samples; first += max_samples) {
      const Index samples = std::min(max_samples, pass.samples - first);
      grouped_input_gradient(pass.d_output + first * count * pass.d_output_stride,
                             pass.d_output_stride, all_rows(samples * count, *pass.arena),
                             grouped_weights(block_, kernel_, -1),
                             {.d_x = d_patches, .stride = patches().width()}, *pass.arena);
      parallel_for(samples, static_cast<double>(floats), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const Index row = (first + i) * positions;
          slot.start_rows(row, row + positions, channels_);
          patches().add(d_patches + i * floats, slot.data + row * slot.stride, slot.stride);
        }
      });
      pass.arena->rewind(mark);
    }
  }

  void update(const BackwardPass& pass, Index max_samples, float* scratch) {
    const Index count = windows_.count();
    KernelGradient gradient(block_, kernel_, bias_, *pass.arena);
    const Arena::Mark mark = pass.arena->mark();
    for (Index first = 0; first < pass.samples; first += max_samples) {
      const Index samples = std::min(max_samples, pass.samples - first);
      patches().gather_samples(pass.inputs[0].dense, first, samples, scratch);
      grouped_weight_gradient(patches().rows(scratch),
                              pass.d_output + first * count * pass.d_output_stride,
                              pass.d_output_stride, all_rows(samples * count, *pass.arena), block_,
                              kernel_, bias_, gradient.sums(), *pass.arena);
      pass.arena->rewind(mark);
    }
    gradient.apply(*pass.sink);
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
