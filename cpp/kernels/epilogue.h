// Epilogue of a product: from sums to outputs.
#pragma once

#include "core/panels.h"
#include "kernels/activations.h"

namespace gatewise {

// What a product does with a tile of sums before it stores it.
struct Epilogue {
  const float* bias = nullptr;  // [cols] or null
  Activation activation = Activation::kLinear;
  float* y = nullptr;  // [rows, cols], overwritten
  Index y_stride = 0;
  float* pre_activation = nullptr;  // X W + b, same shape and stride as y, overwritten; or null
};

// sums  [rows][16], read. Adds the bias, applies the activation and stores the rows from `row` on,
// for the first `width` columns of a panel; columns after them are not written.
void finish(const float (*sums)[kPanelWidth], Index row, int rows, Index panel, Index width,
            const Epilogue& epilogue);

}  // namespace gatewise
