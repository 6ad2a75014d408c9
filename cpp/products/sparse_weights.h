// The forward product with sparse weights, shared out over the threads.
#pragma once

#include "core/arena.h"
#include "core/sparse_weights.h"
#include "kernels/epilogue.h"

namespace gatewise {

// y = f(x W + b) for rows [0, rows) of x, W the sparse parameter `kernel` of `block`. A row's sums
// are the same alone and among others, dense and as CSR. A softmax is applied to whole rows
// afterwards by the caller; pre-activations are not stored.
void sparse_weights_forward(const Input& x, Index rows, const ParameterBlock& block, int kernel,
                            const Epilogue& epilogue, Arena& arena);

}  // namespace gatewise
