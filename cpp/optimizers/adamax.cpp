// Adamax (Kingma and Ba 2015, algorithm 2), in Keras' form, with epsilon:
//   m += (1 - beta_1)(g - m);  u = max(beta_2 u, |g|);  w -= lr / (1 - beta_1^t) m / (u + epsilon)
// Proximal step for L1: lr l1 / (u + epsilon).
#include <cmath>

#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kOneMinusBeta1, kBeta2, kEpsilon, kStepSize };

struct AdamaxFormula {
  static constexpr bool kUsesFirst = true, kUsesSecond = true, kUsesThird = false;
  static constexpr bool kFirstIsVelocity = false;
  explicit AdamaxFormula(const UpdateRule& rule)
      : one_minus_beta_1(Vector::set(rule.constants[kOneMinusBeta1])),
        beta_2(Vector::set(rule.constants[kBeta2])),
        epsilon(Vector::set(rule.constants[kEpsilon])),
        step_size(Vector::set(rule.constants[kStepSize])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector &m = moments.first, &u = moments.second;
    m = fma(one_minus_beta_1, g - m, m);
    u = max(beta_2 * u, abs(g));
    const Vector divisor = u + epsilon;
    w = w - step_size * m / divisor;
    l1_step = l1_step / divisor;
  }

  Vector one_minus_beta_1, beta_2, epsilon, step_size;
};

class Adamax final : public Optimizer {
 public:
  explicit Adamax(const Options& options)
      : Optimizer(options),
        beta_1_(options.number_or("beta_1", 0.9)),
        beta_2_(options.number_or("beta_2", 0.999)),
        epsilon_(options.number_or("epsilon", 1e-7)) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  bool uses_first() const override { return true; }
  bool uses_second() const override { return true; }

  void set_formula(UpdateRule& rule, std::int64_t step) const override {
    const double first = 1 - std::pow(beta_1_, static_cast<double>(step));
    rule.update = update_with<AdamaxFormula>;
    rule.constants[kOneMinusBeta1] = static_cast<float>(1 - beta_1_);
    rule.constants[kBeta2] = static_cast<float>(beta_2_);
    rule.constants[kEpsilon] = static_cast<float>(epsilon_);
    rule.constants[kStepSize] = static_cast<float>(learning_rate / first);
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    shrink.second = target.second;
    shrink.second_is_root = true;
    shrink.epsilon = target.rule.constants[kEpsilon];
  }

 private:
  double beta_1_, beta_2_, epsilon_;
};

const bool registered = Registry<Optimizer>::add<Adamax>("adamax");

}  // namespace
}  // namespace gatewise
