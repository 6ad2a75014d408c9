#include "training/step_record.h"

#include <algorithm>

namespace gatewise {

void StepRecord::begin(const Target& target, Index row_count, Index unit_count) {
  rows = row_count;
  units = unit_count;
  target_units = target.labels ? 0 : target.units;
  predictions.resize(static_cast<std::size_t>(rows * units));
  values.resize(static_cast<std::size_t>(rows * target_units));
  labels.resize(static_cast<std::size_t>(target.labels ? rows : 0));
  weights.resize(static_cast<std::size_t>(target.weights ? rows : 0));
}

void StepRecord::add(const Predictions& y, const Target& target, const Index* positions) {
  for (Index i = 0; i < y.count; ++i) {
    const Index row = target.row(i), to = positions ? positions[i] : i;
    std::copy_n(y.rows.row(i), units, predictions.data() + to * units);
    if (target.labels)
      labels[to] = target.labels[row];
    else
      std::copy_n(target.values + row * target_units, target_units,
                  values.data() + to * target_units);
    if (target.weights) weights[to] = target.weight_of(row);
  }
}

}  // namespace gatewise
