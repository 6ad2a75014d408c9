// The forward product with sparse weights, distributed over the threads.
#pragma once

#include "core/arena.h"
#include "core/sparse_weights.h"
#include "kernels/epilogue.h"

namespace gatewise {

// y = f(x W + b) for rows [0, rows) of x; W is the sparse parameter `kernel` of `block`. A row's
// sums do not depend on the other rows, nor on whether x is dense or CSR. The caller applies a
// softmax to whole rows afterwards; pre-activations are not stored.
void sparse_weights_forward(const Input& x, Index rows, const ParameterBlock& block, int kernel,
                            const Epilogue& epilogue, Arena& arena);

}  // namespace gatewise
