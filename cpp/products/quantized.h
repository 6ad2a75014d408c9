// The forward product of `grouped_forward` for weights in bfloat16 or int8.
#pragma once

#include "products/grouped.h"

namespace gatewise {

// y = f(x W_g + b_g) for every row, W_g stored as `weights.storage`. With int8, each distinct row
// of x is rounded once, before the products, into `arena`; its rounded values depend on no other
// row.
void grouped_quantized_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                               const Epilogue& epilogue, Arena& arena);

}  // namespace gatewise
