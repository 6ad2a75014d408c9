// The gradient of one output of a network with respect to its inputs.
#pragma once

#include "training/network.h"

namespace gatewise {

// to[i] [rows, width of input i] = d y[:, column] / d x_i, row by row, of the network's only output
// y; null if it is not needed. Layers run as in training without updates; gradients of their own
// losses are included.
void input_gradients(const Network& network, const std::vector<Input>& inputs, Index rows,
                     Index column, const std::vector<float*>& to);

}  // namespace gatewise
