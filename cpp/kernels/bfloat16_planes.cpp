#include "kernels/bfloat16_planes.h"

#include <algorithm>

#include "kernels/bfloat16.h"
#include "kernels/row_readers.h"

namespace gatewise {

void to_planes(const float* x, Index count, float* planes) {
  const Index whole = count / kDotDepth * kDotDepth;
  const auto block = [](const float* from, float* to) {
    alignas(64) float rounded[kDotDepth];
    nearest_bfloat16(Vector::load(from)).store(rounded);
    nearest_bfloat16(Vector::load(from + kPlane)).store(rounded + kPlane);
    for (Index i = 0; i < kPlane; ++i) {
      to[i] = rounded[2 * i];
      to[kPlane + i] = rounded[2 * i + 1];
    }
  };
  for (Index k = 0; k < whole; k += kDotDepth) block(x + k, planes + k);
  if (whole == count) return;
  float last[kDotDepth] = {};
  std::copy(x + whole, x + count, last);
  block(last, planes + whole);
}

void to_bfloat16_row(const float* x, Index count, std::uint16_t* row) {
  for (Index k = 0; k < count; ++k) row[k] = to_bfloat16(x[k]);
  std::fill(row + count, row + round_up(count, kDotDepth), std::uint16_t{0});
}

void join_planes(const float* planes, Index rows, std::uint16_t* pairs) {
  for (Index begin = 0; begin < rows; begin += kDotDepth)
    for (Index k = 0; k < kPlane; ++k)
      join_bfloat16(Vector::load(planes + (begin + k) * kPanelWidth),
                    Vector::load(planes + (begin + kPlane + k) * kPanelWidth))
          .store(reinterpret_cast<float*>(pairs + (begin + 2 * k) * kPanelWidth));
}

void widen_pairs(const std::uint16_t* panel, Index rows, float* planes) {
  for (Index begin = 0; begin < rows; begin += kDotDepth)
    for (Index k = 0; k < kPlane; ++k) {
      const auto pairs = Bfloat16Pairs::load(panel + (begin + 2 * k) * kPanelWidth);
      pairs.low().store(planes + (begin + k) * kPanelWidth);
      pairs.high().store(planes + (begin + kPlane + k) * kPanelWidth);
    }
}

void transpose_to_planes(const Bfloat16Panels& w, Index row, Index begin, Index end,
                         float* planes) {
  constexpr int kWidth = Native::kWidth;
  for (Index unit = begin; unit < end; unit += kPanelWidth) {
    const Index panel = unit / kPanelWidth;
    // Position of the first unit's row; the next ones alternate between the two planes.
    float* even =
        planes + (unit / kDotDepth * kDotDepth - begin + unit % kDotDepth / 2) * kPanelWidth;
    if (panel >= w.shape.panels()) {
      std::fill_n(even, kPlane / 2 * kPanelWidth, 0.0f);
      std::fill_n(even + kPlane * kPanelWidth, kPlane / 2 * kPanelWidth, 0.0f);
      continue;
    }
    for (int i = 0; i < kPanelWidth; i += kWidth)
      for (int u = 0; u < kPanelWidth; u += kWidth) {
        Native::Type block[kWidth];
#pragma GCC unroll 16
        for (int r = 0; r < kWidth; ++r) {
          const Index at = row + i + r;
          const Native::Integers pairs =
              Native::load_integers(w.panel(panel) + Bfloat16Panels::value_offset(at - at % 2, u));
          block[r] = at % 2 == 0 ? Native::low_bfloat16(pairs) : Native::high_bfloat16(pairs);
        }
        Native::transpose(block);
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c)
          Native::store(even + ((u + c) % 2 * kPlane + (u + c) / 2) * kPanelWidth + i, block[c]);
      }
  }
}

}  // namespace gatewise
