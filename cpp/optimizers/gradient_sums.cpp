// Sums of gradients and of their squares over steps: first += g;  second += g^2. Weights stay.
#include "core/registry.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

void add_to_sums(const UpdateTarget& t, Index offset, const float* g, Index count) {
  float* sums = t.first + offset;
  float* squares = t.second + offset;
  for (Index i = 0; i < count; ++i) {
    sums[i] += g[i];
    squares[i] += g[i] * g[i];
  }
}

class GradientSums final : public Optimizer {
 public:
  using Optimizer::Optimizer;

  bool uses_first() const override { return true; }
  bool uses_second() const override { return true; }
  bool only_sums() const override { return true; }

  void set_formula(UpdateRule& rule, std::int64_t) const override { rule.update = add_to_sums; }
};

const bool registered = Registry<Optimizer>::add<GradientSums>("gradient_sums");

}  // namespace
}  // namespace gatewise
