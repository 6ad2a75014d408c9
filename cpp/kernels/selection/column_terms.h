// Bias and lower bounds of columns, for products that select columns by their values.
#pragma once

#include "core/types.h"

namespace gatewise {

// Per column, [cols] or null: the bias that is added to its sum, and the lower bound that the
// result must exceed in addition to its row's bound.
struct ColumnTerms {
  const float* bias = nullptr;
  const float* lower_bounds = nullptr;
};

}  // namespace gatewise
