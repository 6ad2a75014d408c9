#include "kernels/bfloat16_gradient.h"

#include "kernels/bfloat16_loops.h"
#include "kernels/bfloat16_operands.h"

namespace gatewise {

Index bfloat16_gradient_scratch(PanelShape shape) {
  return bfloat16_scratch<GradientOperands>(shape.cols);
}

void bfloat16_input_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index column_begin, Index column_end,
                             const InputGradient& out, float* scratch, Bfloat16Unit unit) {
  if (row_begin >= row_end) return;
  const GradientOperands operands{d_y, d_y_stride, w, column_end, out};
  multiply_bfloat16(operands, row_begin, row_end, column_begin / kPanelWidth,
                    ceil_divide(column_end, kPanelWidth), scratch, unit);
}

}  // namespace gatewise
