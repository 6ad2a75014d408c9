// Adagrad (Duchi, Hazan and Singer 2011, section 1.1, diagonal), in Keras' form:
//   v += g^2;  w -= lr g / sqrt(v + epsilon)
// where v starts at initial_accumulator_value.
// Proximal step for L1: lr l1 / sqrt(v + epsilon).
#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kEpsilon };

struct AdagradFormula {
  static constexpr bool kUsesFirst = false, kUsesSecond = true, kUsesThird = false;
  static constexpr bool kFirstIsVelocity = false;
  explicit AdagradFormula(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)), epsilon(Vector::set(rule.constants[kEpsilon])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Moments& moments,
                                  Vector& l1_step) const {
    Vector& v = moments.second;
    v = fma(g, g, v);
    const Vector root = sqrt(v + epsilon);
    w = w - rate * g / root;
    l1_step = l1_step / root;
  }

  Vector rate, epsilon;
};

class Adagrad final : public Optimizer {
 public:
  explicit Adagrad(const Options& options)
      : Optimizer(options),
        start_(options.number_or("initial_accumulator_value", 0.1)),
        epsilon_(options.number_or("epsilon", 1e-7)) {
    require(start_ >= 0, "initial_accumulator_value: expected at least 0, got ", start_);
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  bool uses_first() const override { return false; }
  bool uses_second() const override { return true; }
  float second_at_start() const override { return static_cast<float>(start_); }

  void set_formula(UpdateRule& rule, std::int64_t) const override {
    rule.update = update_with<AdagradFormula>;
    rule.constants[kEpsilon] = static_cast<float>(epsilon_);
  }

  void set_group_step(const UpdateTarget& target, GroupShrink& shrink) const override {
    shrink.second = target.second;
    shrink.inner_epsilon = target.rule.constants[kEpsilon];
  }

 private:
  double start_, epsilon_;
};

const bool registered = Registry<Optimizer>::add<Adagrad>("adagrad");

}  // namespace
}  // namespace gatewise
