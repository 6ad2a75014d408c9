// Back through a router's map where the slope by the logits is zero but for a row's chosen experts.
#pragma once

#include "routing/router.h"

namespace gatewise {

// As `router_product_backward` with d_y [rows, experts] zero but for d_chosen [assignments], for
// dense x: adds d_y W^T to d_x (where asked for), then updates W, all of it. A sum runs over a
// row's assignments, or an expert's rows, in their order.
void chosen_product_backward(const Input& x, const Choice& choice, const Dispatch& dispatch,
                             const float* d_chosen, const ParameterBlock& block, int kernel,
                             RowGradient d_x, UpdateSink* sink, Arena& arena);

}  // namespace gatewise
