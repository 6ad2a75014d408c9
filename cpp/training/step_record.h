// Targets, predictions and weights of the rows of a step, for metrics outside of the core.
#pragma once

#include <vector>

#include "losses/loss.h"

namespace gatewise {

struct StepRecord {
  Index rows = 0, units = 0, target_units = 0;
  std::vector<float> predictions;    // [rows, units]
  std::vector<float> values;         // [rows, target_units], or empty
  std::vector<std::int32_t> labels;  // [rows], or empty
  std::vector<float> weights;        // [rows], or empty: all 1

  // Prepares for a step of `rows` rows, with targets of the kind of `target`.
  void begin(const Target& target, Index rows, Index units);

  // Adds rows of y and their targets; row i is row positions[i] of the step, or i if null.
  void add(const Predictions& y, const Target& target, const Index* positions);
};

}  // namespace gatewise
