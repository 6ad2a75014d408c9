// l = mean_j -(t_j ln p_j + (1 - t_j) ln(1 - p_j)); from pre-activations z: mean_j softplus(z_j) -
// z_j t_j.
#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/loss.h"
#include "losses/probability.h"

namespace gatewise {
namespace {

class BinaryCrossentropy final : public RowLoss {
 public:
  explicit BinaryCrossentropy(const Options& options)
      : from_logits_(options.flag("from_logits")),
        smoothing_(static_cast<float>(options.number("label_smoothing"))) {}

  Activation fused_activation() const override { return Activation::kSigmoid; }

  float row(const float* y, float* activated, Index target_row, const Target& target, bool fused,
            float scale, float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const Vector gradient_scale = Vector::set(scale / static_cast<float>(units));
    Vector sums = Vector::zero();
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector label = fma(Vector::load_up_to(t + j, rest), Vector::set(1 - smoothing_),
                               Vector::set(0.5f * smoothing_));
      const Vector value = Vector::load_up_to(y + j, rest);
      const bool logits = fused || from_logits_;
      const Vector d = logits ? d_logits(value, label) : d_probabilities(value, label);
      const Vector loss = logits ? softplus(value) - value * label : cross_entropy(value, label);
      if (activated) sigmoid(value).store_up_to(activated + j, rest);
      if (d_y) (d * gradient_scale).store_up_to(d_y + j, rest);
      sums = sums + keep_lanes(loss, rest);
    }
    return sum_lanes(sums) / static_cast<float>(units);
  }

 private:
  static Vector d_logits(const Vector& z, const Vector& t) { return sigmoid(z) - t; }

  static Vector cross_entropy(const Vector& y, const Vector& t) {
    const Vector one = Vector::set(1.0f), p = clip_probability(y);
    return Vector::zero() - t * log(p) - (one - t) * log(one - p);
  }

  static Vector d_probabilities(const Vector& y, const Vector& t) {
    const Vector p = clip_probability(y);
    return where_unclipped(y, (p - t) / (p * (Vector::set(1.0f) - p)));
  }

  bool from_logits_;
  float smoothing_;
};

const bool registered = Registry<Loss>::add<BinaryCrossentropy>("binary_crossentropy");

}  // namespace
}  // namespace gatewise
