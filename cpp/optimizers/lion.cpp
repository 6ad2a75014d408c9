// Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2):
//   w -= lr sign(beta_1 m + (1 - beta_1) g);  m = beta_2 m + (1 - beta_2) g
// sign(0) = 0; a NaN or infinite gradient makes the weight NaN. Steps have one length, so no
// proximal step has an exact fixed point: L1 and group penalties are refused.
#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kBeta1, kOneMinusBeta1, kBeta2, kOneMinusBeta2 };

struct LionFormula {
  static constexpr bool kUsesFirst = true, kUsesSecond = false, kUsesThird = false;
  static constexpr bool kFirstIsVelocity = false;
  explicit LionFormula(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)),
        beta_1(Vector::set(rule.constants[kBeta1])),
        one_minus_beta_1(Vector::set(rule.constants[kOneMinusBeta1])),
        beta_2(Vector::set(rule.constants[kBeta2])),
        one_minus_beta_2(Vector::set(rule.constants[kOneMinusBeta2])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments, Vector&) const {
    Vector& m = moments.first;
    const Vector direction = beta_1 * m + one_minus_beta_1 * g;
    const Vector zero = Vector::zero(), nan_or_zero = direction - direction;
    const Vector negative = select_greater(zero, direction, rate, zero);
    const Vector step = select_greater(direction, zero, zero - rate, negative);
    w = w + step + nan_or_zero;
    m = beta_2 * m + one_minus_beta_2 * g;
  }

  Vector rate, beta_1, one_minus_beta_1, beta_2, one_minus_beta_2;
};

class Lion final : public Optimizer {
 public:
  explicit Lion(const Options& options)
      : Optimizer(options),
        beta_1_(options.number_or("beta_1", 0.9)),
        beta_2_(options.number_or("beta_2", 0.99)) {}

  bool uses_first() const override { return true; }
  bool uses_second() const override { return false; }
  bool has_l1_step() const override { return false; }

  void set_formula(UpdateRule& rule, std::int64_t) const override {
    rule.update = update_with<LionFormula>;
    rule.constants[kBeta1] = static_cast<float>(beta_1_);
    rule.constants[kOneMinusBeta1] = static_cast<float>(1 - beta_1_);
    rule.constants[kBeta2] = static_cast<float>(beta_2_);
    rule.constants[kOneMinusBeta2] = static_cast<float>(1 - beta_2_);
  }

 private:
  double beta_1_, beta_2_;
};

const bool registered = Registry<Optimizer>::add<Lion>("lion");

}  // namespace
}  // namespace gatewise
