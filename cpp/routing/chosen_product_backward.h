// Backward of a router's linear map if only the chosen experts' logits have nonzero gradients.
#pragma once

#include "routing/router.h"

namespace gatewise {

// Like `router_product_backward` for dense x, with d_y [rows, experts] zero except for d_chosen
// [assignments]: adds d_y W^T to d_x unless d_x.d_x is null, then updates all of W. Sums accumulate
// a row's assignments, or an expert's rows, in order.
void chosen_product_backward(const Input& x, const Choice& choice, const Dispatch& dispatch,
                             const float* d_chosen, const ParameterBlock& block, int kernel,
                             RowGradient d_x, UpdateSink* sink, Arena& arena);

}  // namespace gatewise
