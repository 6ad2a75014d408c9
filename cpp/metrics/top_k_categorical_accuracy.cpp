// Fraction of rows whose target class, argmax t or a label, is among the k largest outputs: fewer
// than k outputs are greater than that of the class. 0 if that output is NaN.
#include <algorithm>

#include "core/registry.h"
#include "metrics/metric.h"

namespace gatewise {
namespace {

Index read_k(const Options& options) {
  const Index k = options.integer("k");
  require(k >= 1, "k: expected at least 1, got ", k);
  return k;
}

bool is_among_largest(const float* y, Index units, Index chosen, Index k) {
  const float value = y[chosen];
  Index greater = 0;
  for (Index j = 0; j < units; ++j) greater += y[j] > value;
  return value == value && greater < k;
}

class TopKCategoricalAccuracy final : public Metric {
 public:
  explicit TopKCategoricalAccuracy(const Options& options) : k_(read_k(options)) {}

  float row(const float* y, Index row, const Target& target) const override {
    const Index chosen = argmax(target.values + row * target.units, target.units);
    return float(is_among_largest(y, target.units, chosen, k_));
  }

 private:
  Index k_;
};

// With "from_sorted_ids", outputs are class indices, the best ones first.
class SparseTopKCategoricalAccuracy final : public Metric {
 public:
  explicit SparseTopKCategoricalAccuracy(const Options& options)
      : k_(read_k(options)), from_sorted_ids_(options.flag("from_sorted_ids")) {}

  bool reads_labels() const override { return true; }

  float row(const float* y, Index row, const Target& target) const override {
    const std::int32_t label = target.labels[row];
    if (from_sorted_ids_) {
      const float* end = y + std::min(k_, target.units);
      return float(std::find(y, end, static_cast<float>(label)) != end);
    }
    if (label < 0 || label >= target.units) return 0.0f;
    return float(is_among_largest(y, target.units, label, k_));
  }

 private:
  Index k_;
  bool from_sorted_ids_;
};

const bool registered =
    Registry<Metric>::add<TopKCategoricalAccuracy>("top_k_categorical_accuracy") &&
    Registry<Metric>::add<SparseTopKCategoricalAccuracy>("sparse_top_k_categorical_accuracy");

}  // namespace
}  // namespace gatewise
