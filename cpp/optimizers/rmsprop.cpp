// RMSprop (Tieleman and Hinton 2012, lecture 6.5), in Keras' form:
//   v += (1 - rho)(g^2 - v);  w -= lr g / sqrt(v + epsilon)
// or with momentum  m = momentum m - lr g / sqrt(v + epsilon);  w += m.
// Centered (Graves 2013, equations 38 to 41), v is reduced by the square of the mean gradient a:
//   a += (1 - rho)(g - a);  v - a^2 instead of v, or 0 where rounding makes it negative.
// Proximal step for L1: lr l1 / sqrt(v + epsilon), which a velocity takes part in.
#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kMomentum, kOneMinusRho, kEpsilon };

template <bool kMomentumIsUsed, bool kCentered>
struct RmspropFormula {
  static constexpr bool kUsesFirst = kMomentumIsUsed, kUsesSecond = true, kUsesThird = kCentered;
  static constexpr bool kFirstIsVelocity = kMomentumIsUsed;
  explicit RmspropFormula(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)),
        momentum(Vector::set(rule.constants[kMomentum])),
        one_minus_rho(Vector::set(rule.constants[kOneMinusRho])),
        epsilon(Vector::set(rule.constants[kEpsilon])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector &m = moments.first, &v = moments.second;
    v = fma(one_minus_rho, g * g - v, v);
    Vector variance = v;
    if constexpr (kCentered) {
      Vector& mean = moments.third;
      mean = fma(one_minus_rho, g - mean, mean);
      variance = max(Vector::zero(), v - mean * mean);
    }
    const Vector root = sqrt(variance + epsilon);
    const Vector step = rate * g / root;
    if constexpr (kMomentumIsUsed) {
      m = momentum * m - step;
      w = w + m;
    } else {
      w = w - step;
    }
    l1_step = l1_step / root;
  }

  Vector rate, momentum, one_minus_rho, epsilon, velocity_share = Vector::set(1.0f);
};

class Rmsprop final : public Optimizer {
 public:
  explicit Rmsprop(const Options& options)
      : Optimizer(options),
        rho_(options.number_or("rho", 0.9)),
        momentum_(options.number_or("momentum", 0)),
        epsilon_(options.number_or("epsilon", 1e-7)),
        centered_(options.has("centered") && options.flag("centered")) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
    require(momentum_ < 1, "momentum: expected a number below 1, got ", momentum_);
  }

  bool uses_first() const override { return momentum_ > 0; }
  bool uses_second() const override { return true; }
  bool uses_third() const override { return centered_; }

  void set_formula(UpdateRule& rule, std::int64_t) const override {
    rule.update = momentum_ > 0 ? formula<true>() : formula<false>();
    rule.constants[kMomentum] = static_cast<float>(momentum_);
    rule.constants[kOneMinusRho] = static_cast<float>(1 - rho_);
    rule.constants[kEpsilon] = static_cast<float>(epsilon_);
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    if (momentum_ > 0) shrink.velocity = target.first;
    shrink.second = target.second;
    shrink.mean = target.third;
    shrink.inner_epsilon = target.rule.constants[kEpsilon];
  }

 private:
  template <bool kMomentumIsUsed>
  UpdateFunction formula() const {
    return centered_ ? update_with<RmspropFormula<kMomentumIsUsed, true>>
                     : update_with<RmspropFormula<kMomentumIsUsed, false>>;
  }

  double rho_, momentum_, epsilon_;
  bool centered_;
};

const bool registered = Registry<Optimizer>::add<Rmsprop>("rmsprop");

}  // namespace
}  // namespace gatewise
