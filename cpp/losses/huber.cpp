// l = mean_j h(y_j - t_j) with h(e) = e^2 / 2 for |e| <= delta, else delta |e| - delta^2 / 2
// (Huber 1964).
#include "losses/mean_loss.h"

namespace gatewise {
namespace {

struct Huber {
  explicit Huber(const Options& options)
      : delta(Vector::set(static_cast<float>(options.number("delta")))) {}

  Vector value(const Vector& y, const Vector& t) const {
    const Vector half = Vector::set(0.5f), error = y - t, size = abs(error);
    return select_greater(size, delta, delta * size - half * delta * delta, half * error * error);
  }

  Vector derivative(const Vector& y, const Vector& t) const {
    const Vector error = y - t;
    return select_greater(abs(error), delta, copysign(delta, error), error);
  }

  Vector delta;
};

const bool registered = Registry<Loss>::add<MeanLoss<Huber>>("huber");

}  // namespace
}  // namespace gatewise
