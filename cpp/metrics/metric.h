// Metrics of a batch: means over its rows. A new one is one file here that registers its kind, one
// class of gatewise/metrics, and one test.
#pragma once

#include <memory>
#include <string>

#include "core/options.h"
#include "losses/loss.h"

namespace gatewise {

class Metric {
 public:
  virtual ~Metric() = default;

  static std::unique_ptr<Metric> create(const std::string& kind, const Options& options);

  // Whether the metric reads int32 labels instead of rows of values.
  virtual bool reads_labels() const { return false; }

  // Throws if the settings or the targets of `count` rows do not fit.
  virtual void check(const Target& target, Index count) const {
    static_cast<void>(target);
    static_cast<void>(count);
  }

  // `target` with what the metric derives from all `count` rows of a batch.
  virtual Target prepare(const Target& target, Index count) const {
    static_cast<void>(count);
    return target;
  }

  // The metric of one row y [units] of predictions; `row` is the row of the target's arrays.
  virtual float row(const float* y, Index row, const Target& target) const = 0;

  // Returns the mean over the rows, and sets row_values [rows].
  double evaluate(const Predictions& y, const Target& target, float* row_values) const;
};

// The mean of term(j) over the units of a row, summed in order.
template <typename Term>
float mean_over_units(Index units, const Term& term) {
  float sum = 0;
  for (Index j = 0; j < units; ++j) sum += term(j);
  return sum / static_cast<float>(units);
}

// The index of the largest of `count` values, ties to the lowest index.
Index argmax(const float* values, Index count);

}  // namespace gatewise
