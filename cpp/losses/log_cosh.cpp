// l = mean_j ln cosh e_j with e = y - t, as e_j + softplus(-2 e_j) - ln 2.
#include "losses/mean_loss.h"

namespace gatewise {
namespace {

struct LogCosh {
  explicit LogCosh(const Options&) {}

  Vector value(const Vector& y, const Vector& t) const {
    const Vector error = y - t;
    return error + softplus(Vector::set(-2.0f) * error) - Vector::set(0.69314718f);
  }

  Vector derivative(const Vector& y, const Vector& t) const { return tanh(y - t); }
};

const bool registered = Registry<Loss>::add<MeanLoss<LogCosh>>("log_cosh");

}  // namespace
}  // namespace gatewise
