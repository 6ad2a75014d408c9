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

void transpose_rows(const Rows& x, Index row, Index rows, Index width, Index lanes,
                    float* columns) {
  constexpr int kWidth = Native::kWidth;
  for (Index lane = 0; lane < lanes; lane += kWidth) {
    const float* from[kWidth];
    for (int r = 0; r < kWidth; ++r) from[r] = lane + r < rows ? x.row(row + lane + r) : nullptr;
    for (Index k = 0; k < width; k += kWidth) {
      const Index count = std::min<Index>(kWidth, width - k);
      Native::Type block[kWidth];
#pragma GCC unroll 16
      for (int r = 0; r < kWidth; ++r) {
        if (from[r] == nullptr)
          block[r] = Native::zero();
        else
          block[r] = count == kWidth ? Native::load(from[r] + k)
                                     : Native::load_partial(from[r] + k, count);
      }
      Native::transpose(block);
#pragma GCC unroll 16
      for (int c = 0; c < kWidth; ++c)
        if (c < count) Native::store(columns + (k + c) * lanes + lane, block[c]);
    }
  }
}

void transpose_sparse_rows(const SparseRows& x, Index row, Index rows, Index width, Index lanes,
                           float* columns) {
  std::fill_n(columns, width * lanes, 0.0f);
  for (Index r = 0; r < rows; ++r)
    for (Index at = x.begin(row + r); at < x.end(row + r); ++at)
      columns[x.columns[at] * lanes + r] = x.values[at];
}

void transpose_to_panel(const float* rows, Index stride, Index lanes, Index count, float* panel,
                        Index stride_to) {
  if (lanes < kPanelWidth) {
    for (Index i = 0; i < count; ++i)
      for (Index lane = 0; lane < stride_to; ++lane)
        panel[i * stride_to + lane] = lane < lanes ? rows[lane * stride + i] : 0.0f;
    return;
  }
  constexpr int kWidth = Native::kWidth;
  for (int lane = 0; lane < kPanelWidth; lane += kWidth) {
    for (Index i = 0; i < count; i += kWidth) {
      Native::Type block[kWidth];
#pragma GCC unroll 16
      for (int r = 0; r < kWidth; ++r) block[r] = Native::load(rows + (lane + r) * stride + i);
      Native::transpose(block);
#pragma GCC unroll 16
      for (int c = 0; c < kWidth; ++c) Native::store(panel + (i + c) * stride_to + lane, block[c]);
    }
  }
}

}  // namespace gatewise
