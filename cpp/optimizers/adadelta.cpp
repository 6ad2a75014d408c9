// Adadelta (Zeiler 2012, algorithm 1), in Keras' form:
//   v += (1 - rho)(g^2 - v);  d = sqrt(s + epsilon) / sqrt(v + epsilon) g
//   s += (1 - rho)(d^2 - s);  w -= lr d
// Proximal step for L1: lr l1 sqrt(s + epsilon) / sqrt(v + epsilon), with s before the step. That
// of groups comes after it and reads s as it is then; both are the same where gradients are at
// rest.
#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kOneMinusRho, kEpsilon };

struct AdadeltaFormula {
  static constexpr bool kUsesFirst = false, kUsesSecond = true, kUsesThird = true;
  static constexpr bool kFirstIsVelocity = false;
  explicit AdadeltaFormula(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)),
        one_minus_rho(Vector::set(rule.constants[kOneMinusRho])),
        epsilon(Vector::set(rule.constants[kEpsilon])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector &v = moments.second, &s = moments.third;
    v = fma(one_minus_rho, g * g - v, v);
    const Vector scale = sqrt((s + epsilon) / (v + epsilon));
    const Vector step = scale * g;
    s = fma(one_minus_rho, step * step - s, s);
    w = w - rate * step;
    l1_step = l1_step * scale;
  }

  Vector rate, one_minus_rho, epsilon;
};

class Adadelta final : public Optimizer {
 public:
  explicit Adadelta(const Options& options)
      : Optimizer(options),
        rho_(options.number_or("rho", 0.95)),
        epsilon_(options.number_or("epsilon", 1e-7)) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  bool uses_first() const override { return false; }
  bool uses_second() const override { return true; }
  bool uses_third() const override { return true; }

  void set_formula(UpdateRule& rule, std::int64_t) const override {
    rule.update = update_with<AdadeltaFormula>;
    rule.constants[kOneMinusRho] = static_cast<float>(1 - rho_);
    rule.constants[kEpsilon] = static_cast<float>(epsilon_);
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    shrink.second = target.second;
    shrink.step_squares = target.third;
    shrink.inner_epsilon = target.rule.constants[kEpsilon];
  }

 private:
  double rho_, epsilon_;
};

const bool registered = Registry<Optimizer>::add<Adadelta>("adadelta");

}  // namespace
}  // namespace gatewise
