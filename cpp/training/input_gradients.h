// The gradient of one output of a network by what it reads.
#pragma once

#include "training/network.h"

namespace gatewise {

// to[i] [rows, width of input i], or null where it is not asked for: d y[:, column] / d x_i, for
// each row its own, of the network's only output. Layers run as in training, but nothing is
// updated; losses of layers themselves count as part of what they pass back.
void input_gradients(const Network& network, const std::vector<Input>& inputs, Index rows,
                     Index column, const std::vector<float*>& to);

}  // namespace gatewise
