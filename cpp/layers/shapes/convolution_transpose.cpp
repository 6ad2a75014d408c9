// y = f(conv^T(x, K) + b): the gradient that a convolution of a map y gives to y from that of its
// output, x. Each row of x times the transposed kernel [taps * filters, channels] is a patch of its
// window over y, and patches are added.
#include <algorithm>

#include "kernels/rows.h"
#include "layers/shapes/patches.h"
#include "layers/shapes/windowed_layer.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

struct Saved {
  float* pre_activation = nullptr;
};

class ConvolutionTranspose final : public WindowedLayer {
 public:
  explicit ConvolutionTranspose(const Options& options) : WindowedLayer(options) {}

  void forward(ForwardPass& pass) const override {
    const Index count = windows_.count(), positions = windows_.positions();
    pass.check_sample_rows(count);
    const Index rows = pass.samples * positions;
    float* y = pass.take_output(filters_, rows);
    const Index stride = pass.output.stride;
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    saved->pre_activation = take_pre_activation(pass);
    float* sums = saved->pre_activation ? saved->pre_activation : y;
    const Arena::Mark before = pass.arena->mark();
    const Index max_samples = patches().max_samples(pass.samples),
                floats = patches().sample_floats();
    float* scratch = pass.arena->take<float>(max_samples * floats);
    const Arena::Mark mark = pass.arena->mark();
    for (Index first = 0; first < pass.samples; first += max_samples) {
      const Index samples = std::min(max_samples, pass.samples - first);
      const Rows x = consecutive(pass.inputs[0], first * count, samples * count, *pass.arena);
      grouped_input_gradient(x.data, x.stride, all_rows(samples * count, *pass.arena),
                             grouped_weights(block_, kernel_, -1),
                             {.d_x = scratch, .stride = patches().width()}, *pass.arena);
      parallel_for(samples, static_cast<double>(floats), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          float* to = sums + (first + i) * positions * stride;
          for (Index p = 0; p < positions; ++p)
            if (use_bias_)
              std::copy_n(bias(), filters_, to + p * stride);
            else
              std::fill_n(to + p * stride, filters_, 0.0f);
          patches().add(scratch + i * floats, to, stride);
        }
      });
      pass.arena->rewind(mark);
    }
    pass.arena->rewind(before);
    activate_rows(own_activation(pass), sums, y, rows, filters_, stride);
  }

  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    activation_backward(pass, saved->pre_activation);
    if (pass.d_inputs[0].data) add_input_gradient(pass);
    if (pass.sink) update(pass);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "convolution: expected one input, got ", widths.size());
    channels_ = widths[0];
    size_product("kernel_size", {windows_.taps(), channels_, filters_});
    kernel_ = block_.add_kernel("kernel", patches().width(), channels_);
    add_bias();
    return filters_;
  }

 private:
  Patches patches() const { return {windows_, filters_}; }

  // Rows [begin, begin + count) of x at one stride: its own, or copies if they are indexed.
  static Rows consecutive(const Input& x, Index begin, Index count, Arena& arena) {
    if (!x.dense.index) return x.dense.from(begin);
    const Index stride = round_up(x.width, kPanelWidth);
    float* copies = arena.take<float>(count * stride);
    parallel_for(count, static_cast<double>(x.width), [&](Index row, Index end) {
      for (; row < end; ++row)
        std::copy_n(x.dense.row(begin + row), x.width, copies + row * stride);
    });
    return {copies, stride};
  }

  // The convolution of d_y.
  void add_input_gradient(const BackwardPass& pass) const {
    const GradientSlot& slot = pass.d_inputs[0];
    const Rows d_y{pass.d_output, pass.d_output_stride};
    const GroupedWeights kernel = grouped_weights(block_, kernel_, -1);
    const Index count = windows_.count(), blocks = ceil_divide(count, kBlockWindows);
    const Index d_x_stride = round_up(channels_, kPanelWidth);
    const ThreadScratch patch_scratch(kBlockWindows * patches().width(), *pass.arena);
    const ThreadScratch d_x_scratch(kBlockWindows * d_x_stride, *pass.arena);
    const auto run = [&](Index begin, Index end, int thread) {
      float *d_patches = patch_scratch.of(thread), *d_x = d_x_scratch.of(thread);
      for (Index at = begin; at < end; ++at) {
        const Index sample = at / blocks, first = at % blocks * kBlockWindows;
        const Index last = std::min(first + kBlockWindows, count);
        patches().gather(d_y, sample * windows_.positions(), first, last, d_patches);
        multiply(patches().rows(d_patches), last - first, kernel, 0,
                 {.y = d_x, .y_stride = d_x_stride});
        for (Index window = first; window < last; ++window)
          copy_or_add(d_x + (window - first) * d_x_stride,
                      slot.data + (sample * count + window) * slot.stride, channels_,
                      slot.accumulate);
      }
    };
    const auto work =
        static_cast<double>(std::min(count, kBlockWindows) * patches().width() * channels_);
    parallel_for(pass.samples * blocks, work, run, patch_scratch.threads());
  }

  // d_K is the product of the patches of d_y, transposed, and the rows of x.
  void update(const BackwardPass& pass) {
    const Index count = windows_.count(), max_samples = patches().max_samples(pass.samples);
    float* d_patches = pass.arena->take<float>(max_samples * patches().sample_floats());
    KernelGradient gradient(block_, kernel_, -1, *pass.arena);
    const Arena::Mark mark = pass.arena->mark();
    for (Index first = 0; first < pass.samples; first += max_samples) {
      const Index samples = std::min(max_samples, pass.samples - first);
      patches().gather_samples({pass.d_output, pass.d_output_stride}, first, samples, d_patches);
      const Rows x = consecutive(pass.inputs[0], first * count, samples * count, *pass.arena);
      grouped_weight_gradient(patches().rows(d_patches), x.data, x.stride,
                              all_rows(samples * count, *pass.arena), block_, kernel_, -1,
                              gradient.sums(), *pass.arena);
      pass.arena->rewind(mark);
    }
    gradient.apply(*pass.sink);
    if (use_bias_)
      grouped_bias_gradient(pass.d_output, pass.d_output_stride,
                            all_rows(pass.output->count, *pass.arena), block_, bias_, *pass.sink,
                            *pass.arena);
  }

  int kernel_ = -1;
};

const bool registered = Registry<Layer>::add<ConvolutionTranspose>("convolution_transpose");

}  // namespace
}  // namespace gatewise
