// Windows over the rows of a sample, which are the positions of a map [height, width]: what
// convolutions and pooling read. A 1D layer has height 1.
#pragma once

#include "core/options.h"

namespace gatewise {

struct Windows {
  Index height, width;                // of the map
  Index window_height, window_width;  // of a window
  Index stride_y, stride_x;           // from window to window
  Index dilation_y, dilation_x;       // from tap to tap
  Index top, left;                    // positions of the first window beyond the border
  Index out_height, out_width;        // windows

  explicit Windows(const Options& options)
      : height(options.integer("height")),
        width(options.integer("width")),
        window_height(options.integer("window_height")),
        window_width(options.integer("window_width")),
        stride_y(options.integer("stride_y")),
        stride_x(options.integer("stride_x")),
        dilation_y(options.integer("dilation_y")),
        dilation_x(options.integer("dilation_x")),
        top(options.integer("top")),
        left(options.integer("left")),
        out_height(options.integer("out_height")),
        out_width(options.integer("out_width")) {
    for (const Index size : {height, width, window_height, window_width, stride_y, stride_x,
                             dilation_y, dilation_x, out_height, out_width})
      require(size >= 1, "windows: expected sizes of at least 1, got ", size);
  }

  Index positions() const { return height * width; }
  Index count() const { return out_height * out_width; }
  Index taps() const { return window_height * window_width; }

  // The position that a tap of a window reads, or -1 beyond the border.
  Index source(Index window, Index tap) const {
    const Index y = window / out_width * stride_y - top + tap / window_width * dilation_y;
    const Index x = window % out_width * stride_x - left + tap % window_width * dilation_x;
    return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
  }
};

}  // namespace gatewise
