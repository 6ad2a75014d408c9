// l = mean_j (y_j - t_j)^2.
#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/loss.h"

namespace gatewise {
namespace {

class MeanSquaredError final : public RowLoss {
 public:
  explicit MeanSquaredError(const Options&) {}

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const Vector gradient_scale = Vector::set(2 * scale / static_cast<float>(units));
    Vector sums = Vector::zero();
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector error = Vector::load_up_to(y + j, rest) - Vector::load_up_to(t + j, rest);
      sums = fma(error, error, sums);
      if (d_y) (error * gradient_scale).store_up_to(d_y + j, rest);
    }
    return sum_lanes(sums) / static_cast<float>(units);
  }
};

const bool registered = Registry<Loss>::add<MeanSquaredError>("mse");

}  // namespace
}  // namespace gatewise
