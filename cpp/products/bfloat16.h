// Products over groups of rows with weights in bfloat16: stored so, or copies of float32 weights.
#pragma once

#include "products/grouped.h"

namespace gatewise {

// y = f(x W_g + b_g) for rows [0, rows) of x, on the calling thread. `epilogue.bias` is ignored.
void bfloat16_multiply(const Rows& x, Index rows, const GroupedWeights& weights, Index g,
                       const Epilogue& epilogue);

// `grouped_forward`, of dense or CSR rows.
void grouped_bfloat16_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                              const Epilogue& epilogue);

}  // namespace gatewise
