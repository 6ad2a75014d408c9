// Patches around every position of rows that hold maps, [height, width, channels] each: what a
// convolution with stride 1 and zero padding multiplies by its kernel.
#pragma once

#include "products/grouped.h"

namespace gatewise {

struct MapShape {
  Index height = 1, width = 1, channels = 1;  // of a map
  Index kernel_height = 1, kernel_width = 1;  // odd or even: (size - 1) / 2 are before a position

  Index positions() const { return height * width; }
  Index taps() const { return kernel_height * kernel_width; }
  Index patch() const { return taps() * channels; }

  // The position that tap (i, j) of the patch at (y, x) reads, or -1 beyond the border.
  Index source(Index y, Index x, Index tap) const {
    const Index row = y + tap / kernel_width - (kernel_height - 1) / 2;
    const Index column = x + tap % kernel_width - (kernel_width - 1) / 2;
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? row * width + column : -1;
  }
};

// Writes the patches around positions [begin, end) of a dense row's map to [end - begin, patch].
void gather_patches(const float* map, const MapShape& shape, Index begin, Index end, float* to);

// Returns the patches [rows * positions, patch] of the maps in rows [0, rows) of x, dense or CSR
// like x. CSR nonzeros have ascending columns if those of x have.
Input map_patches(const Input& x, Index rows, const MapShape& shape, Arena& arena);

// Adds the gradient of the patches, [rows * positions, patch] with `stride`, to that of the rows.
void map_patches_backward(const float* d_patches, Index stride, Index rows, const MapShape& shape,
                          const InputGradient& d_x);

}  // namespace gatewise
