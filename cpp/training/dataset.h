// Arrays to train on, read in place.
#pragma once

#include <vector>

#include "core/types.h"
#include "losses/loss.h"

namespace gatewise {

struct Dataset {
  Index num_samples = 0;
  Index rows_per_sample = 1;
  std::vector<Input> inputs;    // [num_samples * rows_per_sample, width] each
  std::vector<Target> targets;  // one for each output

  Index num_rows() const { return num_samples * rows_per_sample; }
};

// Throws, with row and column, if an input, a target value or a sample weight is not finite.
void check_finite(const Dataset& data);

}  // namespace gatewise
