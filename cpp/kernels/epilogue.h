// The end of a product: from one row's sums in one panel to its outputs.
#pragma once

#include "kernels/forward_product.h"

namespace gatewise {

// y = f(sum + bias) for the first `width` of sums [16], which belong to columns of `panel`; columns
// behind them are not written.
void store_outputs(const float* sums, Index row, Index panel, Index width,
                   const Epilogue& epilogue);

}  // namespace gatewise
