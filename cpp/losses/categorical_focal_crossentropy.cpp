// l = -sum_j alpha_j (1 - q_j)^gamma t_j ln q_j, with q = y / sum y, or the softmax of logits y,
// clipped to [1e-7, 1 - 1e-7].
#include <algorithm>
#include <limits>
#include <vector>

#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/focal.h"
#include "losses/log_sum_exp.h"
#include "losses/loss.h"
#include "losses/probability.h"

namespace gatewise {
namespace {

class CategoricalFocalCrossentropy final : public RowLoss {
 public:
  explicit CategoricalFocalCrossentropy(const Options& options)
      : from_logits_(options.flag("from_logits")),
        smoothing_(static_cast<float>(options.number("label_smoothing"))),
        factor_(static_cast<float>(options.number("gamma"))) {
    if (options.has("alpha")) alphas_ = {static_cast<float>(options.number("alpha"))};
    for (Index j = 0; options.has(alpha_name(j)); ++j)
      alphas_.push_back(static_cast<float>(options.number(alpha_name(j))));
    require(!alphas_.empty(), "alpha: expected at least one number, got none");
  }

  void check_units(Index units) const override {
    const auto count = static_cast<Index>(alphas_.size());
    require(count == 1 || count == units, "alpha: expected one number, or one for each of ", units,
            " classes, got ", count);
  }

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const Vector log_sum = Vector::set(from_logits_ ? log_sum_exp(y, units) : 0.0f);
    const Vector sum = Vector::set(
        from_logits_ ? 1.0f : std::max(std::numeric_limits<float>::min(), sum_of(y, units)));
    const auto probability = [&](Index j) {
      const Vector value = Vector::load_up_to(y + j, units - j);
      return from_logits_ ? exp(value - log_sum) : value / sum;
    };
    Vector losses = Vector::zero(), means = Vector::zero();
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Vector q = probability(j), label = labels(t, j, units), c = clip_probability(q);
      losses = losses - label * factor_.value(Vector::set(1.0f) - c) * log(c);
      if (d_y) means = fma(d_probability(q, label), q, means);
    }
    if (d_y) {
      // Through the division by the sum, and for logits the softmax: d_q - sum_k d_q_k q_k.
      const Vector mean = Vector::set(sum_lanes(means));
      for (Index j = 0; j < units; j += kPanelWidth) {
        const Vector q = probability(j), d = d_probability(q, labels(t, j, units)) - mean;
        const Vector d_row = from_logits_ ? d * q : d / sum;
        (d_row * Vector::set(scale)).store_up_to(d_y + j, units - j);
      }
    }
    return sum_lanes(losses);
  }

 private:
  static std::string alpha_name(Index j) { return "alpha." + std::to_string(j); }

  // alpha_j t_j .. alpha_j+15 t_j+15 with label smoothing; 0 beyond the row.
  Vector labels(const float* t, Index j, Index units) const {
    const Vector smoothing = Vector::set(smoothing_ / static_cast<float>(units));
    const Index rest = units - j;
    const Vector alpha = alphas_.size() == 1 ? Vector::set(alphas_[0])
                                             : Vector::load_up_to(alphas_.data() + j, rest);
    const Vector label =
        fma(Vector::load_up_to(t + j, rest), Vector::set(1 - smoothing_), smoothing);
    return keep_lanes(alpha * label, rest);
  }

  // The derivative of -(1 - c)^gamma t ln c by q, where t has its alpha.
  Vector d_probability(const Vector& q, const Vector& t) const {
    const Vector c = clip_probability(q), miss = Vector::set(1.0f) - c;
    return where_unclipped(q, t * (factor_.derivative(miss) * log(c) - factor_.value(miss) / c));
  }

  bool from_logits_;
  float smoothing_;
  std::vector<float> alphas_;  // one for all classes, or one for each
  FocalFactor factor_;
};

const bool registered =
    Registry<Loss>::add<CategoricalFocalCrossentropy>("categorical_focal_crossentropy");

}  // namespace
}  // namespace gatewise
