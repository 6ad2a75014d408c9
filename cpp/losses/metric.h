// Metrics of a batch: means over its rows.
#pragma once

#include <string>

#include "losses/loss.h"

namespace gatewise {

enum class Metric {
  kBinaryAccuracy,             // fraction of units with (y > 0.5) == t
  kCategoricalAccuracy,        // argmax y == argmax t, ties to the lowest index
  kSparseCategoricalAccuracy,  // argmax y == label
  kMeanSquaredError,
  kMeanAbsoluteError,
};

Metric metric_from_name(const std::string& name);

double evaluate_metric(Metric metric, const Predictions& y, const Target& target,
                       float* row_values);

}  // namespace gatewise
