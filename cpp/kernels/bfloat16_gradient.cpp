#include "kernels/bfloat16_gradient.h"

#include "kernels/bfloat16_blocks.h"
#include "kernels/bfloat16_planes.h"

namespace gatewise {
namespace {

// The panels are strips of 16 columns of dX.
struct GradientOperands {
  const float* d_y;
  Index d_y_stride;
  const Bfloat16Panels& w;
  Index column_end;
  const InputGradient& out;

  Index depth() const { return w.shape.cols; }
  void pack_row(Index i, float* planes) const { to_planes(d_y + i * d_y_stride, depth(), planes); }
  void planes(Index strip, Index begin, Index end, float* to) const {
    transpose_to_planes(w, strip * kPanelWidth, begin, end, to);
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

}  // namespace

Index bfloat16_gradient_scratch(PanelShape shape) {
  return Bfloat16Blocks<GradientOperands>::scratch(shape.cols);
}

void bfloat16_input_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index column_begin, Index column_end,
                             const InputGradient& out, float* scratch) {
  if (row_begin >= row_end) return;
  const GradientOperands operands{d_y, d_y_stride, w, column_end, out};
  Bfloat16Blocks(operands, scratch)
      .run(row_begin, row_end, column_begin / kPanelWidth, ceil_divide(column_end, kPanelWidth));
}

}  // namespace gatewise
