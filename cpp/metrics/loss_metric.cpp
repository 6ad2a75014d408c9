// Metrics that are losses of predictions, and the cosine, whose loss is its negative.
#include "core/registry.h"
#include "metrics/metric.h"

namespace gatewise {
namespace {

class LossMetric final : public Metric {
 public:
  LossMetric(const std::string& loss, const Options& options, float sign = 1.0f)
      : loss_(Registry<Loss>::create(loss, options)),
        row_loss_(dynamic_cast<const RowLoss*>(loss_.get())),
        sign_(sign) {}

  bool reads_labels() const override { return loss_->reads_labels(); }

  void check(const Target& target, Index count) const override {
    loss_->check_units(target.units);
    loss_->check_labels(target, count, "y_true");
  }

  Target prepare(const Target& target, Index count) const override {
    return loss_->prepare(target, count);
  }

  float row(const float* y, Index row, const Target& target) const override {
    return sign_ * row_loss_->row(y, nullptr, row, target, false, 0.0f, nullptr);
  }

 private:
  std::unique_ptr<Loss> loss_;
  const RowLoss* row_loss_;
  float sign_;
};

bool add_losses() {
  for (const char* name :
       {"mean_absolute_percentage_error", "mean_squared_logarithmic_error", "huber", "log_cosh",
        "poisson", "hinge", "squared_hinge", "categorical_hinge", "kl_divergence",
        "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"})
    Registry<Metric>::add(name, [name](const Options& options) {
      return std::make_unique<LossMetric>(name, options);
    });
  return Registry<Metric>::add("cosine_similarity", [](const Options& options) {
    return std::make_unique<LossMetric>("cosine_similarity", options, -1.0f);
  });
}

const bool registered = add_losses();

}  // namespace
}  // namespace gatewise
