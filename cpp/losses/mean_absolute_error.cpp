// l = mean_j |y_j - t_j|, with derivative 0 where y_j = t_j.
#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/loss.h"

namespace gatewise {
namespace {

class MeanAbsoluteError final : public RowLoss {
 public:
  explicit MeanAbsoluteError(const Options&) {}

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const Vector zero = Vector::zero();
    const Vector gradient = Vector::set(scale / static_cast<float>(units));
    Vector sums = zero;
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector error = Vector::load_up_to(y + j, rest) - Vector::load_up_to(t + j, rest);
      sums = sums + abs(error);
      if (!d_y) continue;
      const Vector below = select_greater(zero, error, zero - gradient, error - error);
      select_greater(error, zero, gradient, below).store_up_to(d_y + j, rest);
    }
    return sum_lanes(sums) / static_cast<float>(units);
  }
};

const bool registered = Registry<Loss>::add<MeanAbsoluteError>("mae");

}  // namespace
}  // namespace gatewise
