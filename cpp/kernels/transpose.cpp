#include "kernels/transpose.h"

#include "kernels/vector.h"

namespace gatewise {

void transpose_strip(const Panels& w, Index row, float* strip) {
  constexpr int kWidth = Native::kWidth;
  const Index rows = std::min(kPanelWidth, w.shape.rows - row);
  for (Index p = 0; p < w.shape.panels(); ++p) {
    const Index stride = w.shape.stride(p);
    const float* source = w.panel(p) + row * stride;
    for (int i = 0; i < kPanelWidth; i += kWidth) {
      for (Index u = 0; u < stride; u += kWidth) {
        Native::Type block[kWidth];
#pragma GCC unroll 16
        for (int r = 0; r < kWidth; ++r)
          block[r] = i + r < rows ? Native::load(source + (i + r) * stride + u) : Native::zero();
        Native::transpose(block);
        float* out = strip + (p * kPanelWidth + u) * kPanelWidth + i;
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) Native::store(out + c * kPanelWidth, block[c]);
      }
    }
  }
}

}  // namespace gatewise
