// Mean squared and mean absolute error over the units of a row.
#include <cmath>

#include "core/registry.h"
#include "metrics/metric.h"

namespace gatewise {
namespace {

class MeanSquaredErrorMetric final : public Metric {
 public:
  explicit MeanSquaredErrorMetric(const Options&) {}

  float row(const float* y, Index row, const Target& target) const override {
    const float* t = target.values + row * target.units;
    return mean_over_units(target.units, [&](Index j) { return (y[j] - t[j]) * (y[j] - t[j]); });
  }
};

class MeanAbsoluteErrorMetric final : public Metric {
 public:
  explicit MeanAbsoluteErrorMetric(const Options&) {}

  float row(const float* y, Index row, const Target& target) const override {
    const float* t = target.values + row * target.units;
    return mean_over_units(target.units, [&](Index j) { return std::fabs(y[j] - t[j]); });
  }
};

const bool registered = Registry<Metric>::add<MeanSquaredErrorMetric>("mse") &&
                        Registry<Metric>::add<MeanAbsoluteErrorMetric>("mae");

}  // namespace
}  // namespace gatewise
