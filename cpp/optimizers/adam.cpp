// Adam (Kingma and Ba 2015, section 2), and AdamW, which differs by its weight decay alone:
//   m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g^2 - v);  w -= step_size m / (sqrt(v) + epsilon)
// with step_size = lr sqrt(1 - beta_2^t) / (1 - beta_1^t).
// With amsgrad (Reddi, Kale and Kumar 2018, algorithm 2) the root is that of the largest v so far.
// Proximal step for L1: lr l1 / (sqrt(v_hat) + epsilon), with sqrt(v_hat) = variance_root sqrt(v).
#include <cmath>

#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kOneMinusBeta1, kOneMinusBeta2, kEpsilon, kStepSize, kVarianceRoot };

template <bool kAmsgrad>
struct AdamFormula {
  static constexpr bool kUsesFirst = true, kUsesSecond = true, kUsesThird = kAmsgrad;
  static constexpr bool kFirstIsVelocity = false;
  explicit AdamFormula(const UpdateRule& rule)
      : one_minus_beta_1(Vector::set(rule.constants[kOneMinusBeta1])),
        one_minus_beta_2(Vector::set(rule.constants[kOneMinusBeta2])),
        epsilon(Vector::set(rule.constants[kEpsilon])),
        step_size(Vector::set(rule.constants[kStepSize])),
        variance_root(Vector::set(rule.constants[kVarianceRoot])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector &m = moments.first, &v = moments.second;
    m = fma(one_minus_beta_1, g - m, m);
    v = fma(one_minus_beta_2, g * g - v, v);
    if constexpr (kAmsgrad) moments.third = max(moments.third, v);
    const Vector root = sqrt(kAmsgrad ? moments.third : v);
    w = w - step_size * m / (root + epsilon);
    l1_step = l1_step / fma(root, variance_root, epsilon);
  }

  Vector one_minus_beta_1, one_minus_beta_2, epsilon, step_size, variance_root;
};

class Adam final : public Optimizer {
 public:
  explicit Adam(const Options& options)
      : Optimizer(options),
        beta_1_(options.number_or("beta_1", 0.9)),
        beta_2_(options.number_or("beta_2", 0.999)),
        epsilon_(options.number_or("epsilon", 1e-7)),
        amsgrad_(options.has("amsgrad") && options.flag("amsgrad")) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  bool uses_first() const override { return true; }
  bool uses_second() const override { return true; }
  bool uses_third() const override { return amsgrad_; }

  void set_formula(UpdateRule& rule, std::int64_t step) const override {
    const auto t = static_cast<double>(step);
    const double first = 1 - std::pow(beta_1_, t), second = 1 - std::pow(beta_2_, t);
    rule.update = amsgrad_ ? update_with<AdamFormula<true>> : update_with<AdamFormula<false>>;
    rule.constants[kOneMinusBeta1] = static_cast<float>(1 - beta_1_);
    rule.constants[kOneMinusBeta2] = static_cast<float>(1 - beta_2_);
    rule.constants[kEpsilon] = static_cast<float>(epsilon_);
    rule.constants[kStepSize] = static_cast<float>(learning_rate * std::sqrt(second) / first);
    rule.constants[kVarianceRoot] = static_cast<float>(1 / std::sqrt(second));
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    shrink.second = amsgrad_ ? target.third : target.second;
    shrink.variance_root = target.rule.constants[kVarianceRoot];
    shrink.epsilon = target.rule.constants[kEpsilon];
  }

 private:
  double beta_1_, beta_2_, epsilon_;
  bool amsgrad_;
};

const bool registered =
    Registry<Optimizer>::add<Adam>("adam") && Registry<Optimizer>::add<Adam>("adamw");

}  // namespace
}  // namespace gatewise
