// l = 100 mean_j |y_j - t_j| / max(|t_j|, 1e-7), with derivative 0 where y_j = t_j.
#include "losses/mean_loss.h"

namespace gatewise {
namespace {

struct AbsolutePercentageError {
  explicit AbsolutePercentageError(const Options&) {}

  static Vector size(const Vector& t) { return max(Vector::set(kEpsilon), abs(t)); }

  Vector value(const Vector& y, const Vector& t) const {
    return Vector::set(100.0f) * abs((y - t) / size(t));
  }

  Vector derivative(const Vector& y, const Vector& t) const {
    const Vector zero = Vector::zero(), error = y - t, step = Vector::set(100.0f) / size(t);
    return select_greater(error, zero, step, select_greater(zero, error, zero - step, zero));
  }
};

const bool registered =
    Registry<Loss>::add<MeanLoss<AbsolutePercentageError>>("mean_absolute_percentage_error");

}  // namespace
}  // namespace gatewise
