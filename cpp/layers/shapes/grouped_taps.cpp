#include "layers/shapes/grouped_taps.h"

#include <algorithm>

namespace gatewise {

Index GroupedTaps::depth(Index channels, Index filters, Index groups) {
  require(groups >= 1 && channels % groups == 0 && filters % groups == 0,
          "groups: expected a divisor of ", channels, " channels and ", filters, " filters, got ",
          groups);
  return channels / groups;
}

GroupedTaps::GroupedTaps(const Windows& windows, Index channels, Index filters, Index groups)
    : windows_(windows), channels_(channels), depth_(depth(channels, filters, groups)) {
  for (Index f = 0; f < filters; ++f) first_.push_back(f / (filters / groups) * depth_);
}

void GroupedTaps::forward(const Rows& x, Index samples, const float* kernel, const float* bias,
                          float* y, Index stride) const {
  const Index count = windows(), taps = windows_.taps(), units = filters();
  const Index* first = first_.data();
  const auto work = static_cast<double>(2 * rows() * units);
  parallel_for(samples * count, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* to = y + i * stride;
      for (Index f = 0; f < units; ++f) to[f] = bias ? bias[f] : 0.0f;
      for (Index tap = 0; tap < taps; ++tap) {
        const Index position = windows_.source(i % count, tap);
        if (position < 0) continue;
        const float* from = x.row(i / count * positions() + position);
        for (Index c = 0; c < depth_; ++c) {
          const float* k = kernel + (tap * depth_ + c) * units;
          for (Index f = 0; f < units; ++f) to[f] += from[first[f] + c] * k[f];
        }
      }
    }
  });
}

void GroupedTaps::input_gradient(const float* d_y, Index stride, Index samples, const float* kernel,
                                 const GradientSlot& slot) const {
  const Index count = windows(), taps = windows_.taps(), units = filters();
  const auto work = static_cast<double>(2 * count * rows() * units);
  parallel_for(samples, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index row = i * positions();
      slot.start_rows(row, row + positions(), channels_);
      for (Index window = 0; window < count; ++window) {
        const float* from = d_y + (i * count + window) * stride;
        for (Index tap = 0; tap < taps; ++tap) {
          const Index position = windows_.source(window, tap);
          if (position < 0) continue;
          float* to = slot.data + (row + position) * slot.stride;
          for (Index c = 0; c < depth_; ++c) {
            const float* k = kernel + (tap * depth_ + c) * units;
            for (Index f = 0; f < units; ++f) to[first_[f] + c] += from[f] * k[f];
          }
        }
      }
    }
  });
}

void GroupedTaps::kernel_gradient(const Rows& x, const float* d_y, Index stride, Index samples,
                                  float* d_kernel) const {
  const Index count = windows(), units = filters(), blocks = ceil_divide(units, kPanelWidth);
  const auto work = static_cast<double>(2 * samples * count * kPanelWidth);
  parallel_for(rows() * blocks, work, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index row = at / blocks, column = at % blocks * kPanelWidth;
      const Index width = std::min(kPanelWidth, units - column);
      const Index tap = row / depth_, c = row % depth_;
      double sums[kPanelWidth] = {};
      for (Index window = 0; window < count; ++window) {
        const Index position = windows_.source(window, tap);
        if (position < 0) continue;
        for (Index i = 0; i < samples; ++i) {
          const float* from = x.row(i * positions() + position) + c;
          const float* d = d_y + (i * count + window) * stride + column;
          for (Index f = 0; f < width; ++f)
            sums[f] += static_cast<double>(from[first_[column + f]]) * d[f];
        }
      }
      std::copy_n(sums, width, d_kernel + row * units + column);
    }
  });
}

float* packed_rows(const ParameterBlock& block, int kernel, Arena& arena) {
  const Parameter& parameter = block.at(kernel);
  const auto [rows, cols] = std::pair{parameter.shape.rows, parameter.shape.cols};
  float* packed = arena.take<float>(rows * cols);
  for (Index row = 0; row < rows; ++row)
    std::copy_n(block.slice(kernel) + row * parameter.row_floats(), cols, packed + row * cols);
  return packed;
}

float* unpacked_rows(const ParameterBlock& block, int kernel, const float* packed, Arena& arena) {
  const Parameter& parameter = block.at(kernel);
  const auto [rows, cols] = std::pair{parameter.shape.rows, parameter.shape.cols};
  float* values = arena.take_zeroed<float>(parameter.slice_floats());
  for (Index row = 0; row < rows; ++row)
    std::copy_n(packed + row * cols, cols, values + row * parameter.row_floats());
  return values;
}

}  // namespace gatewise
