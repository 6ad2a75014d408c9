#include "losses/loss.h"

#include "core/parallel.h"
#include "core/registry.h"

namespace gatewise {

Reduction to_reduction(const std::string& name) {
  if (name == "sum") return Reduction::kSum;
  if (name == "mean_with_sample_weight") return Reduction::kWeightedMean;
  require(name == "sum_over_batch_size" || name == "mean",
          "reduction: expected sum, mean, sum_over_batch_size or mean_with_sample_weight, got ",
          name);
  return Reduction::kMean;
}

std::unique_ptr<Loss> Loss::create(const std::string& name, const Options& options) {
  auto loss = Registry<Loss>::create(name, options);
  loss->reduction = to_reduction(options.text_or("reduction", "sum_over_batch_size"));
  options.check_all_read();
  return loss;
}

double Loss::divisor(const Target& target, Index count) const {
  if (reduction == Reduction::kSum) return 1;
  const std::optional<std::int32_t> ignored = ignored_label();
  if (reduction == Reduction::kMean && !ignored) return static_cast<double>(count);
  double sum = 0;
  for (Index i = 0; i < count; ++i) {
    const Index row = target.row(i);
    if (ignored && target.labels[row] == *ignored) continue;
    sum += reduction == Reduction::kMean ? 1.0 : target.weight_of(row);
  }
  return sum;
}

void Loss::check_labels(const Target& target, Index count, const char* name) const {
  if (!reads_labels()) return;
  const std::optional<std::int32_t> ignored = ignored_label();
  for (Index i = 0; i < count; ++i) {
    const std::int32_t label = target.labels[target.row(i)];
    if ((label >= 0 && label < target.units) || label == ignored) continue;
    fail(name, ": expected labels from 0 to ", target.units - 1,
         ignored ? " or " + std::to_string(*ignored) : "", ", got ", label);
  }
}

double Loss::evaluate(const Predictions& y, const Target& target, bool fused, float scale,
                      double divisor, float* d_y, Index d_stride, float* row_losses) const {
  const bool counts = divisor != 0;
  evaluate_rows(y, prepare(target, y.count), fused, counts ? scale : 0.0f,
                counts ? static_cast<float>(divisor) : 1.0f, d_y, d_stride, row_losses);
  double sum = 0;
  for (Index i = 0; i < y.count; ++i) sum += row_losses[i];
  return counts ? sum / divisor : 0.0;
}

void RowLoss::evaluate_rows(const Predictions& y, const Target& target, bool fused, float scale,
                            float divisor, float* d_y, Index d_stride, float* row_losses) const {
  parallel_for(y.count, static_cast<double>(target.units * 16), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float weight = target.weight(i);
      float* activated = fused ? y.writable + i * y.stride : nullptr;
      const float loss = row(y.rows.row(i), activated, target.row(i), target, fused,
                             scale * weight / divisor, d_y ? d_y + i * d_stride : nullptr);
      row_losses[i] = weight * loss;
    }
  });
}

}  // namespace gatewise
