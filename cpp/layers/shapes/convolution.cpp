// y = f(conv(x, K) + b): for each window over the rows of a sample, its patch [taps * channels]
// times the kernel [taps * channels, filters].
#include <algorithm>

#include "layers/shapes/patches.h"
#include "layers/shapes/windowed_layer.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

struct Saved {
  float* pre_activation = nullptr;
};

class Convolution final : public WindowedLayer {
 public:
  explicit Convolution(const Options& options) : WindowedLayer(options) {}

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index positions = windows_.positions(), count = windows_.count();
    pass.check_sample_rows(positions);
    const Index rows = pass.samples * count;
    float* y = pass.take_output(filters_, rows);
    const Index stride = pass.output.stride;
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    const Activation own = own_activation(pass);
    saved->pre_activation = take_pre_activation(pass);
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
    activation_backward(pass, saved->pre_activation);
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
    add_bias();
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

  int kernel_ = -1;
};

const bool registered = Registry<Layer>::add<Convolution>("convolution");

}  // namespace
}  // namespace gatewise
