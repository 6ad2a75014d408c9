// y = gamma (x - mean) / sqrt(variance + epsilon) + beta by column (Ioffe and Szegedy 2015,
// algorithm 1). In training mean and (biased) variance are those of the batch, and the moving ones
// follow; in prediction, or where the layer is not trainable, they are the moving ones (algorithm
// 2).
#include <algorithm>
#include <cmath>

#include "layers/layer.h"

namespace gatewise {
namespace {

// Rows of a partial sum, which are then added in order: a sum does not depend on the threads.
constexpr Index kSumRows = 1024;

struct Saved {
  bool uses_batch = false;
  double* mean = nullptr;      // [width], of the batch
  double* variance = nullptr;  // [width]
  float* center = nullptr;     // [width], what is subtracted
  float* inverse = nullptr;    // [width], 1 / sqrt(variance + epsilon)
};

// sums [width] = sum over the rows of term(row, column).
template <typename Term>
void sum_columns(Index rows, Index width, Arena& arena, double* sums, const Term& term) {
  const Index chunks = ceil_divide(rows, kSumRows), blocks = ceil_divide(width, kPanelWidth);
  double* parts = arena.take_zeroed<double>(chunks * width);
  const auto work = static_cast<double>(std::min(rows, kSumRows) * kPanelWidth * 2);
  parallel_for(chunks * blocks, work, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index chunk = at / blocks, first = at % blocks * kPanelWidth;
      const Index last = std::min(first + kPanelWidth, width);
      double* to = parts + chunk * width;
      for (Index row = chunk * kSumRows; row < std::min(rows, (chunk + 1) * kSumRows); ++row)
        for (Index j = first; j < last; ++j) to[j] += term(row, j);
    }
  });
  std::fill_n(sums, width, 0.0);
  for (Index chunk = 0; chunk < chunks; ++chunk)
    for (Index j = 0; j < width; ++j) sums[j] += parts[chunk * width + j];
}

class BatchNormalization final : public Layer {
 public:
  explicit BatchNormalization(const Options& options)
      : momentum_(static_cast<float>(options.number("momentum"))),
        epsilon_(options.number("epsilon")),
        centers_(options.flag("center")),
        scales_(options.flag("scale")) {
    require(epsilon_ > 0, "epsilon: expected a number above 0, got ", epsilon_);
  }

  // The statistics are those of all rows of the batch; a row cannot be left out of its sample.
  bool reads_whole_samples() const override { return true; }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index width = x.width, rows = pass.rows;
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    saved->uses_batch = pass.step.training && pass.step.draws_noise && trainable;
    saved->center = pass.arena->take<float>(width);
    saved->inverse = pass.arena->take<float>(width);
    if (saved->uses_batch) {
      measure(x, rows, *saved, *pass.arena);
    } else {
      std::copy_n(block_.slice(mean_), width, saved->center);
      for (Index j = 0; j < width; ++j) saved->inverse[j] = inverse_of(block_.slice(variance_)[j]);
    }
    const float* gamma = scales_ ? block_.slice(gamma_) : nullptr;
    const float* beta = centers_ ? block_.slice(beta_) : nullptr;
    float* y = pass.take_output(width);
    parallel_for(rows, static_cast<double>(2 * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* from = x.dense.row(i);
        float* to = y + i * pass.output.stride;
        for (Index j = 0; j < width; ++j) {
          const float normal = (from[j] - saved->center[j]) * saved->inverse[j];
          to[j] = (gamma ? gamma[j] * normal : normal) + (beta ? beta[j] : 0.0f);
        }
      }
    });
  }

  // d_x = gamma inverse (d_y - mean(d_y) - normal mean(d_y normal)) with the batch's statistics;
  // those that are constants have no gradient, and d_x = gamma inverse d_y.
  void backward(BackwardPass& pass) override {
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Input& x = pass.inputs[0];
    const Index width = x.width, rows = pass.rows;
    const auto d_y = [&](Index i) { return pass.d_output + i * pass.d_output_stride; };
    const auto normal = [&](Index i, Index j) {
      return (x.dense.row(i)[j] - saved->center[j]) * saved->inverse[j];
    };
    double* d_beta = pass.arena->take<double>(width);
    double* d_gamma = pass.arena->take<double>(width);
    sum_columns(rows, width, *pass.arena, d_beta,
                [&](Index i, Index j) { return static_cast<double>(d_y(i)[j]); });
    sum_columns(rows, width, *pass.arena, d_gamma,
                [&](Index i, Index j) { return static_cast<double>(d_y(i)[j] * normal(i, j)); });
    if (const GradientSlot& slot = pass.d_inputs[0]; slot.data) {
      const float* gamma = scales_ ? block_.slice(gamma_) : nullptr;
      const double share = saved->uses_batch ? 1.0 / static_cast<double>(rows) : 0.0;
      float* mean_d = pass.arena->take<float>(width);
      float* mean_normal = pass.arena->take<float>(width);
      for (Index j = 0; j < width; ++j) {
        mean_d[j] = static_cast<float>(d_beta[j] * share);
        mean_normal[j] = static_cast<float>(d_gamma[j] * share);
      }
      parallel_for(rows, static_cast<double>(4 * width), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          for (Index j = 0; j < width; ++j) {
            const float factor = gamma ? gamma[j] * saved->inverse[j] : saved->inverse[j];
            slot.put(i, j, factor * (d_y(i)[j] - mean_d[j] - normal(i, j) * mean_normal[j]));
          }
        }
      });
    }
    if (!pass.sink) return;
    if (centers_) update(beta_, d_beta, width, pass);
    if (scales_) update(gamma_, d_gamma, width, pass);
  }

  void finish_step(void* memory, bool) override {
    const auto* saved = static_cast<const Saved*>(memory);
    if (!saved || !saved->uses_batch) return;
    const auto follow = [&](float* moving, const double* batch) {
      for (Index j = 0; j < output_width(); ++j)
        moving[j] = moving[j] * momentum_ + static_cast<float>(batch[j]) * (1 - momentum_);
    };
    follow(block_.slice(mean_), saved->mean);
    follow(block_.slice(variance_), saved->variance);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "BatchNormalization: expected one input, got ", widths.size());
    if (scales_) gamma_ = block_.add_vector("gamma", "scale", widths[0]);
    if (centers_) beta_ = block_.add_vector("beta", "bias", widths[0]);
    mean_ = block_.add_vector("moving_mean", "state", widths[0]);
    variance_ = block_.add_vector("moving_variance", "state", widths[0]);
    return widths[0];
  }

 private:
  float inverse_of(double variance) const {
    return static_cast<float>(1.0 / std::sqrt(variance + epsilon_));
  }

  void measure(const Input& x, Index rows, Saved& saved, Arena& arena) const {
    const Index width = x.width;
    saved.mean = arena.take<double>(width);
    saved.variance = arena.take<double>(width);
    sum_columns(rows, width, arena, saved.mean,
                [&](Index i, Index j) { return static_cast<double>(x.dense.row(i)[j]); });
    for (Index j = 0; j < width; ++j) saved.mean[j] /= static_cast<double>(rows);
    sum_columns(rows, width, arena, saved.variance, [&](Index i, Index j) {
      const double d = x.dense.row(i)[j] - saved.mean[j];
      return d * d;
    });
    for (Index j = 0; j < width; ++j) {
      saved.variance[j] /= static_cast<double>(rows);
      saved.center[j] = static_cast<float>(saved.mean[j]);
      saved.inverse[j] = inverse_of(saved.variance[j]);
    }
  }

  void update(int parameter, const double* gradient, Index width, const BackwardPass& pass) {
    float* values = pass.arena->take<float>(round_up(width, kPanelWidth));
    for (Index j = 0; j < width; ++j) values[j] = static_cast<float>(gradient[j]);
    apply_update(pass.sink->begin(parameter, 0), 0, values, width);
  }

  float momentum_;
  double epsilon_;
  bool centers_, scales_;
  int gamma_ = -1, beta_ = -1, mean_ = -1, variance_ = -1;
};

const bool registered = Registry<Layer>::add<BatchNormalization>("batch_normalization");

}  // namespace
}  // namespace gatewise
