// l = mean_j (y_j - t_j ln(y_j + 1e-7)): the negative log-likelihood of counts t of mean y, but for
// ln t!. NaN for a negative y.
#include <limits>

#include "losses/mean_loss.h"

namespace gatewise {
namespace {

struct Poisson {
  explicit Poisson(const Options&) {}

  static Vector shifted(const Vector& y) { return y + Vector::set(kEpsilon); }

  Vector value(const Vector& y, const Vector& t) const {
    const Vector mean = shifted(y), none = Vector::set(std::numeric_limits<float>::quiet_NaN());
    return y - t * select_greater(mean, Vector::zero(), log(mean), none);
  }

  Vector derivative(const Vector& y, const Vector& t) const {
    return Vector::set(1.0f) - t / shifted(y);
  }
};

const bool registered = Registry<Loss>::add<MeanLoss<Poisson>>("poisson");

}  // namespace
}  // namespace gatewise
