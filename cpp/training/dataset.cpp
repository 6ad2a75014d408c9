#include "training/dataset.h"

#include "training/network.h"

namespace gatewise {

void check_finite(const Dataset& data) {
  for (std::size_t i = 0; i < data.inputs.size(); ++i)
    check_finite(data.inputs[i], data.input_rows(i), "x");
  for (std::size_t i = 0; i < data.targets.size(); ++i) {
    const Target& target = data.targets[i];
    const Index rows = data.target_rows(i);
    if (target.values)
      check_finite({.dense = {target.values, target.units}, .width = target.units}, rows, "y");
    if (target.weights)
      check_finite({.dense = {target.weights, 1}, .width = 1}, rows / target.rows_per_weight,
                   "sample_weight");
  }
}

}  // namespace gatewise
