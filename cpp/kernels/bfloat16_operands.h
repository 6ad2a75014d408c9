// The operands of bfloat16 products, for the loops of Bfloat16Blocks and Bfloat16Tiles.
#pragma once

#include "kernels/bfloat16_planes.h"
#include "kernels/epilogue.h"
#include "kernels/input_gradient.h"

namespace gatewise {

// Y = f(X W + b).
struct ForwardOperands {
  const Rows& x;
  const Bfloat16Panels& w;
  const Epilogue& epilogue;

  Index depth() const { return w.shape.rows; }
  const float* row(Index i) const { return x.row(i); }
  const std::uint16_t* pairs(Index panel, Index begin, Index, float*, std::uint16_t*) const {
    return w.panel(panel) + begin * kPanelWidth;
  }
  void planes(Index panel, Index begin, Index end, float* to) const {
    widen_pairs(w.panel(panel) + begin * kPanelWidth, end - begin, to);
  }
  void prefetch(Index panel, Index begin, Index line) const {
    __builtin_prefetch(w.panel(panel) + (begin + 2 * line) * kPanelWidth, 0, 2);
  }
  void finish(const float (*sums)[kPanelWidth], Index row, int rows, Index panel) const {
    gatewise::finish(sums, row, rows, panel, w.shape.width(panel), epilogue);
  }
};

// dX = dY W^T. The panels are strips of 16 columns of dX.
struct GradientOperands {
  const float* d_y;
  Index d_y_stride;
  const Bfloat16Panels& w;
  Index column_end;
  const InputGradient& out;

  Index depth() const { return w.shape.cols; }
  const float* row(Index i) const { return d_y + i * d_y_stride; }
  void planes(Index strip, Index begin, Index end, float* to) const {
    transpose_to_planes(w, strip * kPanelWidth, begin, end, to);
  }
  const std::uint16_t* pairs(Index strip, Index begin, Index end, float* as_planes,
                             std::uint16_t* to) const {
    planes(strip, begin, end, as_planes);
    join_planes(as_planes, end - begin, to);
    return to;
  }
  // Of each panel, 16 rows are read: eight lines.
  void prefetch(Index strip, Index begin, Index line) const {
    const Index panel = begin / kPanelWidth + line / 8;
    if (panel < w.shape.panels())
      __builtin_prefetch(w.panel(panel) + (strip * 8 + line % 8) * 2 * kPanelWidth, 0, 2);
  }
  void finish(const float (*sums)[kPanelWidth], Index row, int rows, Index strip) const {
    const Index column = strip * kPanelWidth;
    finish_gradient(sums, row, rows, column, std::min(kPanelWidth, column_end - column), out);
  }
};

}  // namespace gatewise
