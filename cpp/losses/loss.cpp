#include "losses/loss.h"

#include "core/parallel.h"
#include "core/registry.h"

namespace gatewise {

std::unique_ptr<Loss> Loss::create(const std::string& name, const Options& options) {
  auto loss = Registry<Loss>::create(name, options);
  options.check_all_read();
  return loss;
}

double Loss::evaluate(const Predictions& y, const Target& target, bool fused, float scale,
                      Index divisor, float* d_y, Index d_stride, float* row_losses) const {
  parallel_for(y.count, static_cast<double>(target.units * 16), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float weight = target.weight(i);
      float* activated = fused ? y.writable + i * y.stride : nullptr;
      const float loss =
          row(y.rows.row(i), activated, target.row(i), target, fused,
              scale * weight / static_cast<float>(divisor), d_y ? d_y + i * d_stride : nullptr);
      row_losses[i] = weight * loss;
    }
  });
  double sum = 0;
  for (Index i = 0; i < y.count; ++i) sum += row_losses[i];
  return sum / static_cast<double>(divisor);
}

}  // namespace gatewise
