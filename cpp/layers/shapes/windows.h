// Windows over the rows of a sample, which are the positions of a map of up to three axes: what
// convolutions and pooling read.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/options.h"
#include "layers/shapes/sizes_option.h"

namespace gatewise {

class Windows {
 public:
  explicit Windows(const Options& options) {
    read(options, "sizes", 1, &Axis::size);
    read(options, "window", 1, &Axis::window);
    read(options, "strides", 1, &Axis::stride);
    read(options, "dilation", 1, &Axis::dilation);
    read(options, "before", 0, &Axis::before);
    read(options, "windows", 1, &Axis::windows);
  }

  Index positions() const { return product(&Axis::size); }
  Index count() const { return product(&Axis::windows); }
  Index taps() const { return product(&Axis::window); }

  // The position that a tap of a window reads, or -1 beyond the border.
  Index source(Index window, Index tap) const {
    Index position = 0, scale = 1;
    for (std::size_t a = kAxes; a-- > 0;) {
      const Axis& axis = axes_[a];
      const Index at =
          window % axis.windows * axis.stride - axis.before + tap % axis.window * axis.dilation;
      if (at < 0 || at >= axis.size) return -1;
      position += at * scale;
      scale *= axis.size;
      window /= axis.windows;
      tap /= axis.window;
    }
    return position;
  }

 private:
  static constexpr std::size_t kAxes = 3;

  struct Axis {
    Index size = 1;      // of the map
    Index window = 1;    // taps of a window
    Index stride = 1;    // from window to window
    Index dilation = 1;  // from tap to tap
    Index before = 0;    // positions of the first window beyond the border
    Index windows = 1;
  };

  // A map of fewer axes has size 1 along the first of three.
  void read(const Options& options, const std::string& name, Index least, Index Axis::* member) {
    const std::vector<Index> values = sizes_from(options, name);
    require(!values.empty() && values.size() <= kAxes, name, ": expected up to ", kAxes,
            " values, got ", values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      require(values[i] >= least, name, ": expected at least ", least, ", got ", values[i]);
      axes_[kAxes - values.size() + i].*member = values[i];
    }
  }

  Index product(Index Axis::* member) const {
    Index result = 1;
    for (const Axis& axis : axes_) result *= axis.*member;
    return result;
  }

  std::array<Axis, kAxes> axes_;
};

}  // namespace gatewise
