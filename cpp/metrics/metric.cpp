#include "metrics/metric.h"

#include "core/parallel.h"
#include "core/registry.h"

namespace gatewise {

std::unique_ptr<Metric> Metric::create(const std::string& kind, const Options& options) {
  auto metric = Registry<Metric>::create(kind, options);
  options.check_all_read();
  return metric;
}

double Metric::evaluate(const Predictions& y, const Target& given, float* row_values) const {
  require(reads_labels() == (given.labels != nullptr),
          "metrics: expected a metric that fits the kind of target (labels or rows of values)");
  const Target target = prepare(given, y.count);
  parallel_for(y.count, static_cast<double>(target.units * 2), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) row_values[i] = row(y.rows.row(i), target.row(i), target);
  });
  double sum = 0;
  for (Index i = 0; i < y.count; ++i) sum += row_values[i];
  return sum / static_cast<double>(y.count);
}

Index argmax(const float* values, Index count) {
  Index best = 0;
  for (Index j = 1; j < count; ++j)
    if (values[j] > values[best]) best = j;
  return best;
}

}  // namespace gatewise
