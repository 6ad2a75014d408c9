// l = sum_j t_j ln(t_j / y_j), with t and y clipped to [1e-7, 1]: the Kullback-Leibler divergence
// of the predicted from the target distribution.
#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/loss.h"
#include "losses/probability.h"

namespace gatewise {
namespace {

class KLDivergence final : public RowLoss {
 public:
  explicit KLDivergence(const Options&) {}

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const Vector low = Vector::set(kEpsilon), one = Vector::set(1.0f);
    const Vector zero = Vector::zero();
    Vector sums = zero;
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector prediction = Vector::load_up_to(y + j, rest);
      const Vector p = min(one, max(low, prediction));
      const Vector q = min(one, max(low, Vector::load_up_to(t + j, rest)));
      sums = sums + keep_lanes(q * (log(q) - log(p)), rest);
      if (!d_y) continue;
      const Vector d = select_greater(prediction, one, zero, (zero - q) / p);
      (select_greater(low, prediction, zero, d) * Vector::set(scale)).store_up_to(d_y + j, rest);
    }
    return sum_lanes(sums);
  }
};

const bool registered = Registry<Loss>::add<KLDivergence>("kl_divergence");

}  // namespace
}  // namespace gatewise
