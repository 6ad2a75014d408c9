// l = max(1 + max_j (1 - t_j) y_j - sum_j t_j y_j, 0). Several largest units share the gradient of
// the maximum.
#include <algorithm>

#include "core/registry.h"
#include "losses/loss.h"

namespace gatewise {
namespace {

class CategoricalHinge final : public RowLoss {
 public:
  explicit CategoricalHinge(const Options&) {}

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const auto other = [&](Index j) { return (1 - t[j]) * y[j]; };
    float own = 0, largest = other(0);
    for (Index j = 0; j < units; ++j) {
      own += t[j] * y[j];
      largest = std::max(largest, other(j));
    }
    const float loss = largest - own + 1;
    if (!d_y) return std::max(loss, 0.0f);
    Index ties = 0;
    for (Index j = 0; j < units; ++j) ties += other(j) == largest;
    for (Index j = 0; j < units; ++j) {
      const float of_largest = other(j) == largest ? (1 - t[j]) / static_cast<float>(ties) : 0.0f;
      d_y[j] = loss > 0 ? scale * (of_largest - t[j]) : 0.0f;
    }
    return std::max(loss, 0.0f);
  }
};

const bool registered = Registry<Loss>::add<CategoricalHinge>("categorical_hinge");

}  // namespace
}  // namespace gatewise
