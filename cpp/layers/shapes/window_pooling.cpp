// The max, or the mean, of each column over the rows of each window. Positions beyond the border do
// not count.
#include <algorithm>

#include "layers/layer.h"
#include "layers/shapes/windows.h"

namespace gatewise {
namespace {

class WindowPooling final : public Layer {
 public:
  explicit WindowPooling(const Options& options)
      : windows_(options), takes_max_(options.text("pooling") == "max") {
    require(takes_max_ || options.text("pooling") == "average",
            "pooling: expected 'average' or 'max', got ", options.text("pooling"));
  }

  bool reads_whole_samples() const override { return true; }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index width = x.width, positions = windows_.positions(), count = windows_.count();
    pass.check_sample_rows(positions);
    float* y = pass.take_output(width, pass.samples * count);
    const auto work = static_cast<double>(windows_.taps() * width);
    parallel_for(pass.samples * count, work, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* to = y + i * pass.output.stride;
        Index taken = 0;
        for_rows(i % count, [&](Index position) {
          const float* from = x.dense.row(i / count * positions + position);
          if (taken++ == 0)
            std::copy_n(from, width, to);
          else if (takes_max_)
            for (Index j = 0; j < width; ++j) to[j] = std::max(to[j], from[j]);
          else
            for (Index j = 0; j < width; ++j) to[j] += from[j];
        });
        if (takes_max_) continue;
        const float share = 1.0f / static_cast<float>(std::max<Index>(taken, 1));
        for (Index j = 0; j < width; ++j) to[j] *= share;
      }
    });
  }

  // The gradient of a max goes to the first row that attains it. Windows may overlap: those of a
  // sample are added in order, on one thread.
  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Input& x = pass.inputs[0];
    const Index width = x.width, positions = windows_.positions(), count = windows_.count();
    const auto work = static_cast<double>(count * windows_.taps() * width);
    parallel_for(pass.samples, work, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const auto d_x = [&](Index at) { return slot.data + (i * positions + at) * slot.stride; };
        slot.start_rows(i * positions, (i + 1) * positions, width);
        for (Index window = 0; window < count; ++window) {
          const Index row = i * count + window;
          float* d_y = pass.d_output + row * pass.d_output_stride;
          if (takes_max_)
            add_to_maxima(x, i * positions, window, pass.output->data + row * pass.output->stride,
                          d_y, width, d_x);
          else
            add_shares(window, d_y, width, d_x);
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
  template <typename Body>
  void for_rows(Index window, const Body& body) const {
    for (Index tap = 0; tap < windows_.taps(); ++tap)
      if (const Index position = windows_.source(window, tap); position >= 0) body(position);
  }

  // d_y [width] is set to 0 where it has been added.
  template <typename Target>
  void add_to_maxima(const Input& x, Index first_row, Index window, const float* y, float* d_y,
                     Index width, const Target& d_x) const {
    for_rows(window, [&](Index position) {
      const float* from = x.dense.row(first_row + position);
      float* to = d_x(position);
      for (Index j = 0; j < width; ++j) {
        if (from[j] != y[j]) continue;
        to[j] += d_y[j];
        d_y[j] = 0;
      }
    });
  }

  template <typename Target>
  void add_shares(Index window, const float* d_y, Index width, const Target& d_x) const {
    Index taken = 0;
    for_rows(window, [&](Index) { ++taken; });
    const float share = 1.0f / static_cast<float>(std::max<Index>(taken, 1));
    for_rows(window, [&](Index position) {
      float* to = d_x(position);
      for (Index j = 0; j < width; ++j) to[j] += d_y[j] * share;
    });
  }

  Windows windows_;
  bool takes_max_;
};

const bool registered = Registry<Layer>::add<WindowPooling>("window_pooling");

}  // namespace
}  // namespace gatewise
