#include "losses/metric.h"

#include <cmath>

#include "core/parallel.h"

namespace gatewise {
namespace {

Index argmax(const float* values, Index count) {
  Index best = 0;
  for (Index j = 1; j < count; ++j)
    if (values[j] > values[best]) best = j;
  return best;
}

template <typename Term>
float mean_of_terms(Index units, const Term& term) {
  float sum = 0;
  for (Index j = 0; j < units; ++j) sum += term(j);
  return sum / static_cast<float>(units);
}

float row_value(Metric metric, const float* y, Index row, const Target& target) {
  const Index units = target.units;
  const float* t = target.values ? target.values + row * units : nullptr;
  switch (metric) {
    case Metric::kBinaryAccuracy:
      return mean_of_terms(units, [&](Index j) { return float((y[j] > 0.5f) == (t[j] > 0.5f)); });
    case Metric::kCategoricalAccuracy:
      return float(argmax(y, units) == argmax(t, units));
    case Metric::kSparseCategoricalAccuracy:
      return float(argmax(y, units) == target.labels[row]);
    case Metric::kMeanSquaredError:
      return mean_of_terms(units, [&](Index j) { return (y[j] - t[j]) * (y[j] - t[j]); });
    case Metric::kMeanAbsoluteError:
      return mean_of_terms(units, [&](Index j) { return std::fabs(y[j] - t[j]); });
  }
  return 0;
}

}  // namespace

Metric metric_from_name(const std::string& name) {
  if (name == "binary_accuracy") return Metric::kBinaryAccuracy;
  if (name == "categorical_accuracy") return Metric::kCategoricalAccuracy;
  if (name == "sparse_categorical_accuracy") return Metric::kSparseCategoricalAccuracy;
  if (name == "mse") return Metric::kMeanSquaredError;
  if (name == "mae") return Metric::kMeanAbsoluteError;
  fail("metrics: expected the name of a metric, got ", name);
}

double evaluate_metric(Metric metric, const Predictions& y, const Target& target,
                       float* row_values) {
  require((metric == Metric::kSparseCategoricalAccuracy) == (target.labels != nullptr),
          "metrics: expected a metric that fits the kind of target (labels or rows of values)");
  parallel_for(y.count, static_cast<double>(target.units * 2), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      row_values[i] = row_value(metric, y.rows.row(i), target.row(i), target);
  });
  double sum = 0;
  for (Index i = 0; i < y.count; ++i) sum += row_values[i];
  return sum / static_cast<double>(y.count);
}

}  // namespace gatewise
