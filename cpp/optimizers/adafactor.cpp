// Adafactor (Shazeer and Stern 2018, algorithm 4), in Keras' form. For a matrix, with row means r
// and column means c of the squared gradient,
//   r += b (mean_j g_ij^2 + epsilon_1 - r);  c += b (mean_i g_ij^2 + epsilon_1 - c);
//   v_ij = r_i c_j / mean(r)
// and v += b (g^2 + epsilon_1 - v) for a vector; b = t^beta_2_decay. Then
//   u = g / sqrt(v);  w -= max(epsilon_2, rms(w)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / d)
// where d is clip_threshold and rms the root of the mean square over a slice: the matrix of one
// expert is one. Keras' relative_step changes nothing: the rate is limited to 1 / sqrt(t) anyway.
// There is no proximal step for L1: that of groups would need v of every weight, which is not kept.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/registry.h"
#include "kernels/bfloat16_copy.h"
#include "kernels/factored_update.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "optimizers/chunks.h"
#include "optimizers/optimizer.h"

namespace gatewise {
namespace {

enum Constant { kRelativeStep, kNewShare, kEpsilon1, kEpsilon2, kClipThreshold };

// Memory of an update, kept from update to update.
struct Scratch {
  std::vector<double> chunk_sums;
  std::vector<float> row_factors, column_factors, panel_sums;
};

// sum_i a_i^2, accumulated over the chunks in order.
double square_sum(const float* a, Index size, std::vector<double>& sums) {
  sums.assign(static_cast<std::size_t>(ceil_divide(size, kChunkSize)), 0.0);
  for_chunks(size, 1, [&](Index begin, Index count) {
    sums[static_cast<std::size_t>(begin / kChunkSize)] = norms_of(a + begin, count).square;
  });
  double sum = 0;
  for (const double each : sums) sum += each;
  return sum;
}

// statistics [size] += share (value - statistics) with value = value + epsilon; returns their sum.
double blend(const float* values, float epsilon, float share, float* statistics, Index size) {
  double sum = 0;
  for (Index i = 0; i < size; ++i) {
    statistics[i] += share * (values[i] + epsilon - statistics[i]);
    sum += statistics[i];
  }
  return sum;
}

// g = u of a matrix, whose statistics [rows + cols] are r, then c; returns the sum of u^2.
double scale_matrix(const UpdateRule& rule, const MatrixPanels& matrix, float* statistics, float* g,
                    Scratch& scratch) {
  const Index rows = matrix.shape.rows, cols = matrix.shape.cols, panels = matrix.shape.panels();
  auto& [chunk_sums, row_factors, column_factors, sums] = scratch;
  row_factors.resize(static_cast<std::size_t>(rows));
  column_factors.resize(static_cast<std::size_t>(panels * kPanelWidth));
  sums.resize(static_cast<std::size_t>(panels));
  parallel_for(rows, static_cast<double>(cols), [&](Index begin, Index end) {
    row_mean_squares(matrix, g, begin, end, row_factors.data());
  });
  parallel_for(panels, static_cast<double>(rows * kPanelWidth), [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p) column_mean_squares(matrix, g, p, column_factors.data());
  });
  const float epsilon = rule.constants[kEpsilon1], share = rule.constants[kNewShare];
  float *r = statistics, *c = statistics + rows;
  const double mean =
      blend(row_factors.data(), epsilon, share, r, rows) / static_cast<double>(rows);
  blend(column_factors.data(), epsilon, share, c, cols);
  // Each root by itself: the product of two small means would not be a normal number.
  for (Index i = 0; i < rows; ++i)
    row_factors[i] = static_cast<float>(std::sqrt(mean / static_cast<double>(r[i])));
  for (Index j = 0; j < cols; ++j) column_factors[j] = 1 / std::sqrt(c[j]);
  parallel_for(panels, static_cast<double>(rows * kPanelWidth), [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p)
      sums[p] = scale_panel(matrix, row_factors.data(), column_factors.data(), g, p);
  });
  double square = 0;
  for (const float each : sums) square += each;
  return square;
}

// g = u of a vector, whose statistics [size] are v; returns the sum of u^2.
double scale_vector(const UpdateRule& rule, float* v, Index size, float* g, Scratch& scratch) {
  const float epsilon = rule.constants[kEpsilon1], share = rule.constants[kNewShare];
  for_chunks(size, 1, [&](Index begin, Index count) {
    for (Index i = begin; i < begin + count; ++i) {
      v[i] += share * (g[i] * g[i] + epsilon - v[i]);
      g[i] /= std::sqrt(v[i]);
    }
  });
  return square_sum(g, size, scratch.chunk_sums);
}

class Adafactor final : public Optimizer {
 public:
  explicit Adafactor(const Options& options)
      : Optimizer(options),
        beta_2_decay_(options.number_or("beta_2_decay", -0.8)),
        epsilon_1_(options.number_or("epsilon_1", 1e-30)),
        epsilon_2_(options.number_or("epsilon_2", 1e-3)),
        clip_threshold_(options.number_or("clip_threshold", 1)) {
    require(epsilon_1_ > 0, "epsilon_1: expected a number above 0, got ", epsilon_1_);
    require(clip_threshold_ > 0, "clip_threshold: expected a number above 0, got ",
            clip_threshold_);
  }

  bool uses_first() const override { return false; }
  bool uses_second() const override { return false; }
  bool has_l1_step() const override { return false; }
  bool updates_whole_slices() const override { return true; }

  Index statistics_floats(const Parameter& parameter) const override {
    if (!parameter.is_trained()) return 0;
    const PanelShape shape = parameter.shape;
    return round_up(parameter.is_matrix ? shape.rows + shape.cols : shape.cols, kPanelWidth);
  }

  void set_formula(UpdateRule& rule, std::int64_t step) const override {
    const auto t = static_cast<double>(step);
    const double rate = std::min(learning_rate, 1 / std::sqrt(t));
    rule.constants[kRelativeStep] = static_cast<float>(rate);
    rule.constants[kNewShare] = static_cast<float>(std::pow(t, beta_2_decay_));
    rule.constants[kEpsilon1] = static_cast<float>(epsilon_1_);
    rule.constants[kEpsilon2] = static_cast<float>(epsilon_2_);
    rule.constants[kClipThreshold] = static_cast<float>(clip_threshold_);
  }

  void update_slice(const UpdateTarget& target, const Parameter& parameter, float* g,
                    float* statistics) const override {
    const UpdateRule& rule = target.rule;
    const Index floats = parameter.slice_floats();
    const auto count = static_cast<double>(parameter.shape.rows * parameter.shape.cols);
    if (count == 0) return;
    if (rule.clip_value > 0)
      for_chunks(floats, 2, [&](Index begin, Index size) {
        for (Index i = begin; i < begin + size; ++i)
          g[i] = std::clamp(g[i], -rule.clip_value, rule.clip_value);
      });
    const float kept = 1 - rule.decay;
    const double size =
        std::abs(kept) * std::sqrt(square_sum(target.weights, floats, scratch_.chunk_sums) / count);
    const double square =
        parameter.is_matrix
            ? scale_matrix(rule, {parameter.shape, parameter.layout}, statistics, g, scratch_)
            : scale_vector(rule, statistics, parameter.shape.cols, g, scratch_);
    const double rms = std::sqrt(square / count);
    const double step = std::max<double>(rule.constants[kEpsilon2], size) *
                        rule.constants[kRelativeStep] /
                        std::max(1.0, rms / rule.constants[kClipThreshold]);
    for_chunks(floats, 2, [&](Index begin, Index values) {
      float* w = target.weights + begin;
      if (rule.decay > 0) set_scaled(w, kept, w, values);
      add_scaled(g + begin, static_cast<float>(-step), w, values);
      if (target.copy) round_to_copy(target.weights, parameter.shape, begin, values, target.copy);
    });
  }

 private:
  double beta_2_decay_, epsilon_1_, epsilon_2_, clip_threshold_;
  mutable Scratch scratch_;  // updates run one after another
};

const bool registered = Registry<Optimizer>::add<Adafactor>("adafactor");

}  // namespace
}  // namespace gatewise
