// Y = f(X W + b), rows of X gathered, W in panels.
#pragma once

#include "core/panels.h"
#include "kernels/activations.h"

namespace gatewise {

// What happens to a tile of sums before it is stored.
struct Epilogue {
  const float* bias = nullptr;  // [cols] or null; may be read up to a multiple of 16
  Activation activation = Activation::kLinear;
  float* y = nullptr;  // [rows, cols], overwritten
  Index y_stride = 0;
  float* pre_activation = nullptr;  // like y, or null: X W + b is stored here too
};

// y[i, j] = f(bias[j] + sum_k x[i, k] w[k, j]) for rows i of [row_begin, row_end) and the columns
// of the panels [panel_begin, panel_end). Columns behind the last are not written. The sum runs
// over k upwards in one accumulator, whatever the ranges. y must not overlap x.
void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue);

// Bias, activation and store of one row's sums [kPanelWidth] in one panel of `width` columns.
void finish(const float (*sums)[kPanelWidth], Index row, int rows, Index panel, Index width,
            const Epilogue& e);

}  // namespace gatewise
