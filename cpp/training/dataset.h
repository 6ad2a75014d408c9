// Arrays to train on, read in place.
#pragma once

#include <vector>

#include "core/types.h"
#include "losses/loss.h"

namespace gatewise {

struct Dataset {
  Index num_samples = 0;
  std::vector<Input> inputs;           // [num_samples * rows_per_sample, width] each
  std::vector<Index> rows_per_sample;  // of each input
  std::vector<Target> targets;         // one for each output

  Index input_rows(std::size_t input) const { return num_samples * rows_per_sample[input]; }
  Index target_rows(std::size_t target) const {
    return num_samples * targets[target].rows_per_sample;
  }
};

// Throws, with row and column, if an input, a target value or a sample weight is not finite.
void check_finite(const Dataset& data);

}  // namespace gatewise
