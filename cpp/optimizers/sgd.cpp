// Gradient descent, with momentum or Nesterov momentum (Keras' formulas):
//   w -= lr g
//   m = momentum m - lr g;  w += m
//   m = momentum m - lr g;  w += momentum m - lr g
// Proximal step for L1: lr l1.
#include "core/registry.h"
#include "kernels/update_loop.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

struct PlainFormula {
  static constexpr bool kUsesFirst = false, kUsesSecond = false;
  explicit PlainFormula(const UpdateRule& rule) : rate(Vector::set(rule.learning_rate)) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Vector&, Vector&, Vector&) const {
    w = w - rate * g;
  }

  Vector rate;
};

template <bool kNesterov>
struct MomentumFormula {
  static constexpr bool kUsesFirst = true, kUsesSecond = false;
  explicit MomentumFormula(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)), momentum(Vector::set(rule.constants[0])) {}

  GATEWISE_INLINE void operator()(Vector& w, const Vector& g, Vector& m, Vector&, Vector&) const {
    const Vector step = rate * g;
    m = momentum * m - step;
    w = kNesterov ? w + momentum * m - step : w + m;
  }

  Vector rate, momentum;
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
    rule.constants[0] = static_cast<float>(momentum_);
    if (momentum_ == 0)
      rule.update = update_with<PlainFormula>;
    else if (nesterov_)
      rule.update = update_with<MomentumFormula<true>>;
    else
      rule.update = update_with<MomentumFormula<false>>;
  }

 private:
  double momentum_;
  bool nesterov_;
};

const bool registered = Registry<Optimizer>::add<Sgd>("sgd");

}  // namespace
}  // namespace gatewise
