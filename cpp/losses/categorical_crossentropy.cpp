// l = -sum_j t_j ln p_j, with targets t as rows (categorical) or as one label (sparse categorical).
// From pre-activations z: sum_j t_j (log sum exp z - z_j). Probabilities are first divided by their
// sum.
#include <limits>

#include "core/registry.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/softmax.h"
#include "losses/log_sum_exp.h"
#include "losses/loss.h"
#include "losses/probability.h"

namespace gatewise {
namespace {

class CategoricalCrossentropy : public RowLoss {
 public:
  explicit CategoricalCrossentropy(const Options& options)
      : from_logits_(options.flag("from_logits")),
        smoothing_(static_cast<float>(options.number_or("label_smoothing", 0))) {}

  Activation fused_activation() const override { return Activation::kSoftmax; }

  float row(const float* y, float* activated, Index target_row, const Target& target, bool fused,
            float scale, float* d_y) const override {
    return fused || from_logits_ ? from_logits(y, activated, target_row, target, scale, d_y)
                                 : from_probabilities(y, target_row, target, scale, d_y);
  }

 protected:
  // Returns t_j .. t_j+15 of a target row, with label smoothing.
  virtual Vector labels(const Target& target, Index target_row, Index j) const {
    const Index rest = target.units - j;
    const float* t = target.values + target_row * target.units + j;
    const float smoothing = smoothing_ / static_cast<float>(target.units);
    return keep_lanes(
        fma(Vector::load_up_to(t, rest), Vector::set(1 - smoothing_), Vector::set(smoothing)),
        rest);
  }

 private:
  // dl/dz = p sum(t) - t.
  float from_logits(const float* z, float* activated, Index target_row, const Target& target,
                    float scale, float* d_y) const {
    const Index units = target.units;
    Vector products = Vector::zero(), totals = Vector::zero();
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Vector t = labels(target, target_row, j);
      products = fma(t, Vector::load_up_to(z + j, units - j), products);
      totals = totals + t;
    }
    const float total = sum_lanes(totals), product = sum_lanes(products);
    // The softmax is stored in the output if the loss computes it, else in the gradient.
    float* p = activated ? activated : d_y;
    const float log_sum = p ? softmax_forward(z, p, units) : log_sum_exp(z, units);
    if (d_y) {
      for (Index j = 0; j < units; j += kPanelWidth) {
        const Vector t = labels(target, target_row, j);
        const Vector d = Vector::load_up_to(p + j, units - j) * Vector::set(total) - t;
        (d * Vector::set(scale)).store_up_to(d_y + j, units - j);
      }
    }
    return total * log_sum - product;
  }

  // q = y / sum(y), clipped; dl/dq = -t / q, and through the division dl/dy = (dl/dq - mean) / sum.
  float from_probabilities(const float* y, Index target_row, const Target& target, float scale,
                           float* d_y) const {
    const Index units = target.units;
    // The probabilities of a row of zeros are 0, then clipped.
    const Vector sum =
        max(Vector::set(std::numeric_limits<float>::min()), Vector::set(sum_of(y, units)));
    Vector losses = Vector::zero(), means = Vector::zero();
    const auto d_q = [&](Index j, const Vector& q) {
      return where_unclipped(q,
                             Vector::zero() - labels(target, target_row, j) / clip_probability(q));
    };
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector q = Vector::load_up_to(y + j, rest) / sum;
      losses = losses - labels(target, target_row, j) * log(clip_probability(q));
      means = fma(d_q(j, q), q, means);
    }
    if (d_y) {
      const Vector mean = Vector::set(sum_lanes(means));
      for (Index j = 0; j < units; j += kPanelWidth) {
        const Vector q = Vector::load_up_to(y + j, units - j) / sum;
        ((d_q(j, q) - mean) / sum * Vector::set(scale)).store_up_to(d_y + j, units - j);
      }
    }
    return sum_lanes(losses);
  }

  bool from_logits_;
  float smoothing_;
};

// "ignore_class": a label, also one that is no class, whose rows have loss 0.
class SparseCategoricalCrossentropy final : public CategoricalCrossentropy {
 public:
  explicit SparseCategoricalCrossentropy(const Options& options)
      : CategoricalCrossentropy(options) {
    if (options.has("ignore_class"))
      ignored_ = static_cast<std::int32_t>(options.number("ignore_class"));
  }

  bool reads_labels() const override { return true; }
  std::optional<std::int32_t> ignored_label() const override { return ignored_; }

 protected:
  Vector labels(const Target& target, Index target_row, Index j) const override {
    alignas(64) float lanes[kPanelWidth] = {};
    const std::int32_t label = target.labels[target_row];
    const Index lane = label - j;
    if (lane >= 0 && lane < kPanelWidth && label != ignored_) lanes[lane] = 1.0f;
    return Vector::load(lanes);
  }

 private:
  std::optional<std::int32_t> ignored_;
};

const bool registered = Registry<Loss>::add<CategoricalCrossentropy>("categorical_crossentropy");
const bool sparse_registered =
    Registry<Loss>::add<SparseCategoricalCrossentropy>("sparse_categorical_crossentropy");

}  // namespace
}  // namespace gatewise
