// l = mean_j max(1 - t_j y_j, 0), and the mean of its squares, for targets -1 and 1. Targets of a
// batch that are all 0 or 1 are read as -1 and 1, as in Keras.
#include "losses/mean_loss.h"

namespace gatewise {
namespace {

Vector margin_error(const Vector& y, const Vector& t) {
  return max(Vector::zero(), Vector::set(1.0f) - t * y);
}

struct Hinge {
  explicit Hinge(const Options&) {}

  Vector value(const Vector& y, const Vector& t) const { return margin_error(y, t); }

  Vector derivative(const Vector& y, const Vector& t) const {
    const Vector zero = Vector::zero();
    return select_greater(margin_error(y, t), zero, zero - t, zero);
  }
};

struct SquaredHinge {
  explicit SquaredHinge(const Options&) {}

  Vector value(const Vector& y, const Vector& t) const {
    return margin_error(y, t) * margin_error(y, t);
  }

  Vector derivative(const Vector& y, const Vector& t) const {
    return Vector::set(-2.0f) * t * margin_error(y, t);
  }
};

template <typename Formula>
class MarginLoss final : public MeanLoss<Formula> {
 public:
  using MeanLoss<Formula>::MeanLoss;

  Target prepare(const Target& target, Index count) const override {
    Target prepared = target;
    prepared.is_binary = true;
    for (Index i = 0; i < count && prepared.is_binary; ++i) {
      const float* t = target.values + target.row(i) * target.units;
      for (Index j = 0; j < target.units; ++j) prepared.is_binary &= t[j] == 0.0f || t[j] == 1.0f;
    }
    return prepared;
  }

 protected:
  Vector read_target(const Vector& t, const Target& target) const override {
    return target.is_binary ? t + t - Vector::set(1.0f) : t;
  }
};

const bool registered = Registry<Loss>::add<MarginLoss<Hinge>>("hinge") &&
                        Registry<Loss>::add<MarginLoss<SquaredHinge>>("squared_hinge");

}  // namespace
}  // namespace gatewise
