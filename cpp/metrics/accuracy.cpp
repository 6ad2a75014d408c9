// Accuracies: fractions of units or rows that are classified correctly.
#include "core/registry.h"
#include "metrics/metric.h"

namespace gatewise {
namespace {

// Fraction of units with y == t.
class Accuracy final : public Metric {
 public:
  explicit Accuracy(const Options&) {}

  float row(const float* y, Index row, const Target& target) const override {
    const float* t = target.values + row * target.units;
    return mean_over_units(target.units, [&](Index j) { return float(y[j] == t[j]); });
  }
};

// Fraction of units with (y > threshold) == t: a target between 0 and 1 is never met, as in Keras.
class BinaryAccuracy final : public Metric {
 public:
  explicit BinaryAccuracy(const Options& options)
      : threshold_(static_cast<float>(options.number_or("threshold", 0.5))) {}

  float row(const float* y, Index row, const Target& target) const override {
    const float* t = target.values + row * target.units;
    return mean_over_units(
        target.units, [&](Index j) { return float((y[j] > threshold_ ? 1.0f : 0.0f) == t[j]); });
  }

 private:
  float threshold_;
};

// argmax y == argmax t.
class CategoricalAccuracy final : public Metric {
 public:
  explicit CategoricalAccuracy(const Options&) {}

  float row(const float* y, Index row, const Target& target) const override {
    const float* t = target.values + row * target.units;
    return float(argmax(y, target.units) == argmax(t, target.units));
  }
};

// argmax y == label.
class SparseCategoricalAccuracy final : public Metric {
 public:
  explicit SparseCategoricalAccuracy(const Options&) {}

  bool reads_labels() const override { return true; }

  float row(const float* y, Index row, const Target& target) const override {
    return float(argmax(y, target.units) == target.labels[row]);
  }
};

const bool registered =
    Registry<Metric>::add<Accuracy>("accuracy") &&
    Registry<Metric>::add<BinaryAccuracy>("binary_accuracy") &&
    Registry<Metric>::add<CategoricalAccuracy>("categorical_accuracy") &&
    Registry<Metric>::add<SparseCategoricalAccuracy>("sparse_categorical_accuracy");

}  // namespace
}  // namespace gatewise
