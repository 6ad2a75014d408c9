// l = -cos(t, y) = -sum_j t_j y_j / (|t| |y|), with norms of at least 1e-7. With r = 1 / |y|:
// dl/dy = -r (t / |t| + l r y), and -r t / |t| where r is limited.
#include <algorithm>
#include <cmath>

#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/loss.h"
#include "losses/probability.h"

namespace gatewise {
namespace {

class CosineSimilarity final : public RowLoss {
 public:
  explicit CosineSimilarity(const Options&) {}

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const float norm = std::sqrt(dot(y, y, units));
    const float of_y = 1 / std::max(kEpsilon, norm);
    const float of_t = 1 / std::max(kEpsilon, std::sqrt(dot(t, t, units)));
    const float loss = -dot(t, y, units) * of_t * of_y;
    if (!d_y) return loss;
    const Vector t_factor = Vector::set(-scale * of_y * of_t);
    const Vector y_factor = Vector::set(norm > kEpsilon ? -scale * loss * of_y * of_y : 0.0f);
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector along = Vector::load_up_to(y + j, rest) * y_factor;
      fma(Vector::load_up_to(t + j, rest), t_factor, along).store_up_to(d_y + j, rest);
    }
    return loss;
  }
};

const bool registered = Registry<Loss>::add<CosineSimilarity>("cosine_similarity");

}  // namespace
}  // namespace gatewise
