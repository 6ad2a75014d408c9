// Nadam (Dozat 2016, algorithm 2), in Keras' form, Adam with Nesterov momentum:
//   m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g^2 - v)
//   w -= lr (m u_{t+1} / (1 - U_{t+1}) + g (1 - u_t) / (1 - U_t)) / (sqrt(v_hat) + epsilon)
// with u_t = beta_1 (1 - 0.96^t / 2), U_t = u_1 u_2 ... u_t and v_hat = v / (1 - beta_2^t).
// Proximal step for L1: lr l1 / (sqrt(v_hat) + epsilon), with sqrt(v_hat) = variance_root sqrt(v).
#include <array>
#include <cmath>

#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant {
  kOneMinusBeta1,
  kOneMinusBeta2,
  kEpsilon,
  kMomentStep,    // lr u_{t+1} / (1 - U_{t+1})
  kGradientStep,  // lr (1 - u_t) / (1 - U_t)
  kVarianceRoot
};

struct NadamFormula {
  static constexpr bool kUsesFirst = true, kUsesSecond = true, kUsesThird = false;
  static constexpr bool kFirstIsVelocity = false;
  explicit NadamFormula(const UpdateRule& rule)
      : one_minus_beta_1(Vector::set(rule.constants[kOneMinusBeta1])),
        one_minus_beta_2(Vector::set(rule.constants[kOneMinusBeta2])),
        epsilon(Vector::set(rule.constants[kEpsilon])),
        moment_step(Vector::set(rule.constants[kMomentStep])),
        gradient_step(Vector::set(rule.constants[kGradientStep])),
        variance_root(Vector::set(rule.constants[kVarianceRoot])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector &m = moments.first, &v = moments.second;
    m = fma(one_minus_beta_1, g - m, m);
    v = fma(one_minus_beta_2, g * g - v, v);
    const Vector divisor = fma(sqrt(v), variance_root, epsilon);
    w = w - fma(gradient_step, g, moment_step * m) / divisor;
    l1_step = l1_step / divisor;
  }

  Vector one_minus_beta_1, one_minus_beta_2, epsilon, moment_step, gradient_step, variance_root;
};

// 1 - 0.96^t / 2, and its product for 1, 2, ... t, which does not change after 1000 factors: the
// next one is 1 to within 1e-18.
class MomentumSchedule {
 public:
  MomentumSchedule() {
    products_[0] = 1;
    for (std::size_t t = 1; t < products_.size(); ++t)
      products_[t] = products_[t - 1] * factor(static_cast<double>(t));
  }

  static double factor(double t) { return 1 - 0.5 * std::pow(0.96, t); }
  double product(std::int64_t t) const {
    return products_[std::min<std::size_t>(static_cast<std::size_t>(t), products_.size() - 1)];
  }

 private:
  std::array<double, 1001> products_;
};

class Nadam final : public Optimizer {
 public:
  explicit Nadam(const Options& options)
      : Optimizer(options),
        beta_1_(options.number_or("beta_1", 0.9)),
        beta_2_(options.number_or("beta_2", 0.999)),
        epsilon_(options.number_or("epsilon", 1e-7)) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  bool uses_first() const override { return true; }
  bool uses_second() const override { return true; }

  void set_formula(UpdateRule& rule, std::int64_t step) const override {
    const auto t = static_cast<double>(step);
    const double now = beta_1_ * MomentumSchedule::factor(t);
    const double next = beta_1_ * MomentumSchedule::factor(t + 1);
    const double product = std::pow(beta_1_, t) * schedule_.product(step);
    rule.update = update_with<NadamFormula>;
    rule.constants[kOneMinusBeta1] = static_cast<float>(1 - beta_1_);
    rule.constants[kOneMinusBeta2] = static_cast<float>(1 - beta_2_);
    rule.constants[kEpsilon] = static_cast<float>(epsilon_);
    rule.constants[kMomentStep] = static_cast<float>(learning_rate * next / (1 - product * next));
    rule.constants[kGradientStep] = static_cast<float>(learning_rate * (1 - now) / (1 - product));
    rule.constants[kVarianceRoot] = static_cast<float>(1 / std::sqrt(1 - std::pow(beta_2_, t)));
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    shrink.second = target.second;
    shrink.variance_root = target.rule.constants[kVarianceRoot];
    shrink.epsilon = target.rule.constants[kEpsilon];
  }

 private:
  double beta_1_, beta_2_, epsilon_;
  MomentumSchedule schedule_;
};

const bool registered = Registry<Optimizer>::add<Nadam>("nadam");

}  // namespace
}  // namespace gatewise
