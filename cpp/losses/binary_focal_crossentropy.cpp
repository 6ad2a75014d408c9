// l = mean_j w_j (1 - p_tj)^gamma b_j, with the binary cross-entropy b_j of a probability p_j, the
// probability p_tj = t_j p_j + (1 - t_j) (1 - p_j) of the target, and the weight w_j = t_j alpha +
// (1 - t_j) (1 - alpha) if classes are balanced, else 1.
#include "losses/focal.h"
#include "losses/mean_loss.h"

namespace gatewise {
namespace {

struct BinaryFocalCrossentropy {
  explicit BinaryFocalCrossentropy(const Options& options)
      : from_logits(options.flag("from_logits")),
        balances_classes(options.flag("apply_class_balancing")),
        smoothing(static_cast<float>(options.number("label_smoothing"))),
        alpha(static_cast<float>(options.number("alpha"))),
        factor(static_cast<float>(options.number("gamma"))) {}

  Vector value(const Vector& y, const Vector& t) const {
    const Vector label = smoothed(t), p = probability(y);
    return weight(label) * factor.value(missing(p, label)) * cross_entropy(p, label);
  }

  Vector derivative(const Vector& y, const Vector& t) const {
    const Vector label = smoothed(t), p = probability(y), c = clip_probability(p);
    const Vector miss = missing(p, label), d_miss = one() - label - label;
    const Vector d_entropy = where_unclipped(p, (c - label) / (c * (one() - c)));
    const Vector d_p =
        factor.derivative(miss) * d_miss * cross_entropy(p, label) + factor.value(miss) * d_entropy;
    const Vector d = weight(label) * d_p;
    return from_logits ? d * p * (one() - p) : d;
  }

 private:
  static Vector one() { return Vector::set(1.0f); }

  Vector smoothed(const Vector& t) const {
    return fma(t, Vector::set(1 - smoothing), Vector::set(0.5f * smoothing));
  }
  Vector probability(const Vector& y) const { return from_logits ? sigmoid(y) : y; }

  // 1 - p_t.
  static Vector missing(const Vector& p, const Vector& t) {
    return one() - t * p - (one() - t) * (one() - p);
  }

  static Vector cross_entropy(const Vector& p, const Vector& t) {
    const Vector c = clip_probability(p);
    return Vector::zero() - t * log(c) - (one() - t) * log(one() - c);
  }

  Vector weight(const Vector& t) const {
    if (!balances_classes) return one();
    return t * Vector::set(alpha) + (one() - t) * Vector::set(1 - alpha);
  }

  bool from_logits, balances_classes;
  float smoothing, alpha;
  FocalFactor factor;
};

const bool registered =
    Registry<Loss>::add<MeanLoss<BinaryFocalCrossentropy>>("binary_focal_crossentropy");

}  // namespace
}  // namespace gatewise
