#include "training/dataset.h"

#include "training/network.h"

namespace gatewise {

void check_finite(const Dataset& data) {
  for (const Input& input : data.inputs) check_finite(input, data.num_rows(), "x");
  for (const Target& target : data.targets) {
    if (target.values)
      check_finite({.dense = {target.values, target.units}, .width = target.units}, data.num_rows(),
                   "y");
    if (target.weights)
      check_finite({.dense = {target.weights, 1}, .width = 1},
                   data.num_rows() / target.rows_per_weight, "sample_weight");
  }
}

}  // namespace gatewise
