// A mean squared error that a layer itself adds to the loss.
#pragma once

#include "core/arena.h"
#include "layers/layer.h"

namespace gatewise {

struct ErrorShape {
  Index rows = 0, width = 0, stride = 0;
};

// Returns weight mean_i w_i mean_j (y_ij - t_ij)^2 with the expected rows t (0 if null) and the
// weight w_i of each row's sample. y [rows, stride] is overwritten with its gradient, zero in the
// padding.
double square_error(float* y, const ErrorShape& shape, const Expected& expected, float weight,
                    Arena& arena);

}  // namespace gatewise
