// Gradient descent, with momentum or Nesterov momentum (Keras' formulas):
//   w -= lr g
//   m = momentum m - lr g;  w += m
//   m = momentum m - lr g;  w += momentum m - lr g
// Proximal step for L1: lr l1, with Nesterov momentum (1 + momentum) lr l1. The velocity takes its
// part of the step, so that weights rest where |g| = l1.
#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kMomentum, kL1Factor };

struct PlainFormula {
  static constexpr bool kUsesFirst = false, kUsesSecond = false, kUsesThird = false;
  static constexpr bool kFirstIsVelocity = false;
  explicit PlainFormula(const UpdateRule& rule) : rate(Vector::set(rule.learning_rate)) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments&, Vector&) const {
    w = w - rate * g;
  }

  Vector rate;
};

template <bool kNesterov>
struct MomentumFormula {
  static constexpr bool kUsesFirst = true, kUsesSecond = false, kUsesThird = false;
  static constexpr bool kFirstIsVelocity = true;
  explicit MomentumFormula(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)),
        momentum(Vector::set(rule.constants[kMomentum])),
        l1_factor(Vector::set(rule.constants[kL1Factor])),
        velocity_share(Vector::set(1 / rule.constants[kL1Factor])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector& m = moments.first;
    const Vector step = rate * g;
    m = momentum * m - step;
    w = kNesterov ? w + momentum * m - step : w + m;
    l1_step = l1_step * l1_factor;
  }

  Vector rate, momentum, l1_factor, velocity_share;
};

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const Options& options)
      : Optimizer(options),
        momentum_(options.number_or("momentum", 0)),
        nesterov_(options.has("nesterov") && options.flag("nesterov")) {}

  bool uses_first() const override { return momentum_ > 0; }
  bool uses_second() const override { return false; }

  void set_formula(UpdateRule& rule, std::int64_t) const override {
    rule.constants[kMomentum] = static_cast<float>(momentum_);
    rule.constants[kL1Factor] = static_cast<float>(nesterov_ ? 1 + momentum_ : 1);
    if (momentum_ == 0)
      rule.update = update_with<PlainFormula>;
    else if (nesterov_)
      rule.update = update_with<MomentumFormula<true>>;
    else
      rule.update = update_with<MomentumFormula<false>>;
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    if (momentum_ == 0) return;
    shrink.rate *= target.rule.constants[kL1Factor];
    shrink.velocity = target.first;
    shrink.velocity_share = 1 / target.rule.constants[kL1Factor];
  }

 private:
  double momentum_;
  bool nesterov_;
};

const bool registered = Registry<Optimizer>::add<Sgd>("sgd");

}  // namespace
}  // namespace gatewise
