// l = mean_j (ln(1 + max(y_j, 1e-7)) - ln(1 + max(t_j, 1e-7)))^2.
#include "losses/mean_loss.h"

namespace gatewise {
namespace {

struct SquaredLogarithmicError {
  explicit SquaredLogarithmicError(const Options&) {}

  static Vector increased(const Vector& x) {
    return Vector::set(1.0f) + max(Vector::set(kEpsilon), x);
  }
  static Vector difference(const Vector& y, const Vector& t) {
    return log(increased(y)) - log(increased(t));
  }

  Vector value(const Vector& y, const Vector& t) const {
    const Vector error = difference(y, t);
    return error * error;
  }

  Vector derivative(const Vector& y, const Vector& t) const {
    return select_greater(y, Vector::set(kEpsilon),
                          Vector::set(2.0f) * difference(y, t) / increased(y), Vector::zero());
  }
};

const bool registered =
    Registry<Loss>::add<MeanLoss<SquaredLogarithmicError>>("mean_squared_logarithmic_error");

}  // namespace
}  // namespace gatewise
