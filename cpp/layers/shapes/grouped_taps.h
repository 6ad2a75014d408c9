// Convolutions whose channels and filters are divided into groups; those of a group know only each
// other. With as many groups as channels it is a depthwise convolution. Sums are over taps and the
// channels of a group, of all filters at a time.
//
// K  [taps * depth, filters] row-major, stride `filters`, where depth is the channels of a group:
//   y[w, f] = sum_t sum_c x[t of w, first(f) + c] K[t depth + c, f].
#pragma once

#include <vector>

#include "layers/layer.h"
#include "layers/shapes/windows.h"

namespace gatewise {

class GroupedTaps {
 public:
  // The channels of a group; throws if `groups` divides channels or filters not.
  static Index depth(Index channels, Index filters, Index groups);

  GroupedTaps(const Windows& windows, Index channels, Index filters, Index groups);

  Index rows() const { return windows_.taps() * depth_; }
  Index filters() const { return static_cast<Index>(first_.size()); }
  // Windows and positions of a sample.
  Index windows() const { return windows_.count(); }
  Index positions() const { return windows_.positions(); }

  // x  [samples * positions, channels], read. y [samples * windows, filters], overwritten with the
  // sums and, if not null, the bias [filters].
  void forward(const Rows& x, Index samples, const float* kernel, const float* bias, float* y,
               Index stride) const;

  // Writes or adds the gradient of x for d_y [samples * windows, filters].
  void input_gradient(const float* d_y, Index stride, Index samples, const float* kernel,
                      const GradientSlot& slot) const;

  // d_kernel [rows, filters], overwritten. Sums are in double over windows and samples in order.
  void kernel_gradient(const Rows& x, const float* d_y, Index stride, Index samples,
                       float* d_kernel) const;

 private:
  Windows windows_;
  Index channels_, depth_;
  std::vector<Index> first_;  // [filters], the first channel that a filter reads
};

// The values of a kernel parameter in row layout, [rows, cols] with stride `cols`, and back.
float* packed_rows(const ParameterBlock& block, int kernel, Arena& arena);
float* unpacked_rows(const ParameterBlock& block, int kernel, const float* packed, Arena& arena);

}  // namespace gatewise
