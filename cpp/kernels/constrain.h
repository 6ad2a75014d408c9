// Constraints on the weights of a matrix W [rows, cols] after an update: Keras' NonNeg, UnitNorm,
// MaxNorm and MinMaxNorm.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// How many parts of a matrix can be constrained independently of each other.
Index num_constrained_parts(const Constraint& constraint, PanelShape shape);

// W <- max(W, 0) if it may not be negative; then each group of weights w with the norm n becomes
//   w m / (1e-7 + n)  with  m = rate clip(n, min_norm, max_norm) + (1 - rate) n.
// Only for part `part`, in place. Sums of squares are float64, in the order of rows.
void constrain(const Constraint& constraint, float* weights, PanelShape shape, Layout layout,
               Index part);

}  // namespace gatewise
