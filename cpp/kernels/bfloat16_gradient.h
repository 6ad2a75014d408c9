// dX = dY W^T with dY rounded to bfloat16, W in bfloat16 panels and float32 sums.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/bfloat16_unit.h"
#include "kernels/input_gradient.h"

namespace gatewise {

// Like `input_gradient`; column_begin is a multiple of 16. Sums over u have the order of
// kernels/bfloat16_tile.h, whatever the ranges. scratch has bfloat16_gradient_scratch(w.shape)
// floats.
void bfloat16_input_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index column_begin, Index column_end,
                             const InputGradient& out, float* scratch,
                             Bfloat16Unit unit = best_bfloat16_unit());
Index bfloat16_gradient_scratch(PanelShape shape);

}  // namespace gatewise
