// The end of a product: from sums to outputs.
#pragma once

#include "core/panels.h"
#include "kernels/activations.h"

namespace gatewise {

// What happens to a tile of sums before it is stored.
struct Epilogue {
  const float* bias = nullptr;  // [cols] or null
  Activation activation = Activation::kLinear;
  float* y = nullptr;  // [rows, cols], overwritten
  Index y_stride = 0;
  float* pre_activation = nullptr;  // like y, or null: X W + b is stored here too
};

// Bias, activation and store of the sums [rows][16] of rows from `row` on, for the first `width`
// columns of a panel; columns behind them are not written.
void finish(const float (*sums)[kPanelWidth], Index row, int rows, Index panel, Index width,
            const Epilogue& epilogue);

}  // namespace gatewise
