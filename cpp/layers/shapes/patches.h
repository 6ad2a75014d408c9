// Patches of the rows of a sample: row w is what the taps of window w read, [taps * channels]. The
// factor beside the kernel of a convolution.
#pragma once

#include <algorithm>

#include "layers/layer.h"
#include "layers/shapes/windows.h"
#include "products/gradient_keeper.h"

namespace gatewise {

// Max floats of patches, or of their gradient, that exist at a time: 8 MB, work enough for all
// threads. The sums of a kernel's gradient are added for so many samples at a time.
inline constexpr Index kPatchFloats = Index{1} << 21;

// Windows whose patches are multiplied at a time: a multiple of the tile rows of every level.
inline constexpr Index kBlockWindows = 4 * kRowGrain;

class Patches {
 public:
  Patches(const Windows& windows, Index channels) : windows_(windows), channels_(channels) {}

  // Values of a patch, and of all patches of a sample.
  Index width() const { return windows_.taps() * channels_; }
  Index sample_floats() const { return windows_.count() * width(); }
  // How many samples' patches exist at a time.
  Index max_samples(Index samples) const {
    return std::clamp<Index>(kPatchFloats / sample_floats(), 1, std::max<Index>(samples, 1));
  }
  Input rows(const float* patches) const { return {.dense = {patches, width()}, .width = width()}; }

  // x  rows of the map, those of a sample from `first_row` on. Writes the patches of windows
  // [begin, end) to [end - begin, width], with 0 beyond the border.
  void gather(const Rows& x, Index first_row, Index begin, Index end, float* to) const {
    for (Index window = begin; window < end; ++window)
      for (Index tap = 0; tap < windows_.taps(); ++tap, to += channels_) {
        const Index position = windows_.source(window, tap);
        if (position < 0)
          std::fill_n(to, channels_, 0.0f);
        else
          std::copy_n(x.row(first_row + position), channels_, to);
      }
  }

  // The same for samples [first, first + samples), distributed over the threads.
  void gather_samples(const Rows& x, Index first, Index samples, float* to) const {
    parallel_for(samples, static_cast<double>(sample_floats()), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        gather(x, (first + i) * windows_.positions(), 0, windows_.count(),
               to + i * sample_floats());
    });
  }

  // Adds the patches of a sample to its rows [positions, channels], window by window, tap by tap.
  void add(const float* patches, float* rows, Index stride) const {
    for (Index window = 0; window < windows_.count(); ++window)
      for (Index tap = 0; tap < windows_.taps(); ++tap, patches += channels_)
        if (const Index position = windows_.source(window, tap); position >= 0)
          for (Index j = 0; j < channels_; ++j) rows[position * stride + j] += patches[j];
  }

 private:
  const Windows& windows_;
  Index channels_;
};

// The gradients of a kernel and, if >= 0, a bias, as sums over several products.
class KernelGradient {
 public:
  KernelGradient(const ParameterBlock& block, int kernel, int bias, Arena& arena)
      : kernel_(kernel),
        bias_(bias),
        kernel_floats_(block.at(kernel).slice_floats()),
        bias_floats_(bias < 0 ? 0 : block.at(bias).slice_floats()),
        d_kernel_(arena.take_zeroed<float>(kernel_floats_ + bias_floats_)) {
    keeper_.keep(kernel, d_kernel_);
    keeper_.keep(bias, d_bias());
  }

  // What products add to.
  UpdateSink& sums() { return keeper_; }
  float* d_kernel() const { return d_kernel_; }
  float* d_bias() const { return d_kernel_ + kernel_floats_; }

  void apply(UpdateSink& sink) const {
    apply_update(sink.begin(kernel_, 0), 0, d_kernel_, kernel_floats_);
    if (bias_ >= 0) apply_update(sink.begin(bias_, 0), 0, d_bias(), bias_floats_);
  }

 private:
  int kernel_, bias_;
  Index kernel_floats_, bias_floats_;
  float* d_kernel_;
  GradientKeeper keeper_;
};

}  // namespace gatewise
