// Fraction of rows whose target class is among the k largest outputs: fewer than k outputs are
// greater than that of argmax t. 0 if that output is NaN.
#include "core/registry.h"
#include "metrics/metric.h"

namespace gatewise {
namespace {

class TopKCategoricalAccuracy final : public Metric {
 public:
  explicit TopKCategoricalAccuracy(const Options& options) : k_(options.integer("k")) {
    require(k_ >= 1, "k: expected at least 1, got ", k_);
  }

  float row(const float* y, Index row, const Target& target) const override {
    const float chosen = y[argmax(target.values + row * target.units, target.units)];
    Index greater = 0;
    for (Index j = 0; j < target.units; ++j) greater += y[j] > chosen;
    return float(chosen == chosen && greater < k_);
  }

 private:
  Index k_;
};

const bool registered =
    Registry<Metric>::add<TopKCategoricalAccuracy>("top_k_categorical_accuracy");

}  // namespace
}  // namespace gatewise
