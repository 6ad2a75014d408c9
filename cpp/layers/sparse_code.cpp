// The code in the middle of a stacked autoencoder, from pre-activations h [rows, m]:
//   relu      z = h where h > threshold, else 0         penalty l1 mean_i sum_j z_ij
//   top_k     the same for the k largest of a row, ties to the lowest index
//   kl        z = sigmoid(h) where that > threshold     penalty weight sum_j KL(rho, mean_i z_ij)
//   identity  z = h
// Penalties, like all losses inside an autoencoder, are computed on standardized rows and reported
// divided by s^2.
// (Ng 2011, "Sparse autoencoder", section 3; Makhzani and Frey 2014, "k-sparse autoencoders".)
#include <algorithm>
#include <cmath>

#include "kernels/code_rows.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/top_k.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

enum class Kind { kRelu, kTopK, kKl, kIdentity };

Kind kind_from_name(const std::string& name) {
  if (name == "relu") return Kind::kRelu;
  if (name == "top_k") return Kind::kTopK;
  if (name == "kl") return Kind::kKl;
  require(name == "identity", "activation.kind: expected relu, top_k, kl or identity, got ", name);
  return Kind::kIdentity;
}

// Means are clipped to [kMinMean, 1 - kMinMean], so that the divergence stays finite.
constexpr float kMinMean = 1e-7f;

float bounded_mean(float sum, Index rows) {
  return std::clamp(sum / static_cast<float>(rows), kMinMean, 1 - kMinMean);
}

struct Saved {
  const float* z = nullptr;  // [rows, stride]
  Index stride = 0;
  Index rows = 0;
  const float* sums = nullptr;  // [m] sums of z over the rows, for kl
};

class SparseCode final : public Layer {
 public:
  explicit SparseCode(const Options& options)
      : kind_(kind_from_name(options.text("activation.kind"))),
        threshold_(static_cast<float>(options.number("threshold"))) {
    require(threshold_ >= 0, "threshold: expected at least 0, got ", threshold_);
    if (kind_ == Kind::kRelu) l1_ = static_cast<float>(options.number("activation.l1"));
    if (kind_ == Kind::kTopK) k_ = options.integer("activation.k");
    if (kind_ == Kind::kKl) {
      rho_ = static_cast<float>(options.number("activation.rho"));
      weight_ = static_cast<float>(options.number("activation.weight"));
      require(rho_ > 0 && rho_ < 1, "rho: expected a number between 0 and 1, got ", rho_);
    }
    require(kind_ != Kind::kIdentity || threshold_ == 0, "threshold: expected 0 with identity");
    require(l1_ >= 0 && weight_ >= 0, "activation: expected a penalty of at least 0");
  }

  void forward(ForwardPass& pass) const override {
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    const float* z = pass.take_output(width_);
    *saved = {.z = z, .stride = pass.output.stride, .rows = pass.rows};
    auto* chosen = kind_ == Kind::kTopK ? pass.arena->take<std::int32_t>(pass.rows * k_) : nullptr;
    parallel_for(pass.rows, operations(), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        encode(pass.inputs[0].dense.row(i), pass.output.data + i * pass.output.stride,
               chosen ? chosen + i * k_ : nullptr);
    });
    if (!pass.step.training) return;
    if (l1_ > 0) pass.loss += unscaled_loss(l1_penalty(*saved));
    if (weight_ == 0) return;
    saved->sums = column_sums(*saved, *pass.arena);
    pass.loss += unscaled_loss(divergence(*saved));
  }

  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const auto& saved = *static_cast<const Saved*>(pass.saved);
    const float* penalty = penalty_gradients(saved, *pass.arena);
    parallel_for(pass.rows, operations(), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* d_z = pass.d_output + i * pass.d_output_stride;
        float* d_x = slot.data + i * slot.stride;
        if (kind_ == Kind::kIdentity)
          copy_or_add(d_z, d_x, width_, slot.accumulate);
        else
          keep_above_backward(saved.z + i * saved.stride, d_z, penalty, kind_ == Kind::kKl, d_x,
                              width_, slot.accumulate);
      }
    });
  }

  void finish_step(void* memory) override {
    if (!trainable) return;
    const auto& saved = *static_cast<const Saved*>(memory);
    float* idle = block_.slice(rows_since_active_);
    for (Index j = 0; j < width_; ++j) idle[j] += static_cast<float>(saved.rows);
    for (Index i = 0; i < saved.rows; ++i) reset_idle(saved.z + i * saved.stride, idle, width_);
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "SparseCode: expected one input, got ", widths.size());
    width_ = widths[0];
    require(kind_ != Kind::kTopK || (k_ >= 1 && k_ <= width_), "k: expected 1 <= k <= latents (",
            width_, "), got ", k_);
    scale_ = block_.add_vector("scale", "state", 1);
    rows_since_active_ = block_.add_vector("rows_since_active", "state", width_);
    return width_;
  }

 private:
  double operations() const { return static_cast<double>(width_ * 4); }

  // Computes z [m] of one row from h [m]; chosen [k] is scratch for top_k.
  void encode(const float* h, float* z, std::int32_t* chosen) const {
    switch (kind_) {
      case Kind::kRelu:
        keep_above(h, threshold_, z, width_);
        break;
      case Kind::kTopK:
        top_k(h, width_, k_, chosen);
        std::fill_n(z, width_, 0.0f);
        for (Index j = 0; j < k_; ++j)
          if (h[chosen[j]] > threshold_) z[chosen[j]] = h[chosen[j]];
        break;
      case Kind::kKl:
        activate_forward(Activation::kSigmoid, h, z, width_);
        keep_above(z, threshold_, z, width_);
        break;
      case Kind::kIdentity:
        std::copy_n(h, width_, z);
    }
  }

  double unscaled_loss(double loss) const {
    const double s = block_.slice(scale_)[0];
    return loss / (s * s);
  }

  double l1_penalty(const Saved& saved) const {
    double sum = 0;
    for (Index i = 0; i < saved.rows; ++i) sum += sum_of(saved.z + i * saved.stride, width_);
    return l1_ * sum / static_cast<double>(saved.rows);
  }

  // Returns the sum of each column, accumulated in row order.
  const float* column_sums(const Saved& saved, Arena& arena) const {
    float* sums = arena.take_zeroed<float>(saved.stride);
    const Index blocks = saved.stride / kPanelWidth;
    parallel_for(blocks, static_cast<double>(saved.rows * 2), [&](Index begin, Index end) {
      const Index column = begin * kPanelWidth;
      const Index columns = std::min(end * kPanelWidth, width_) - column;
      for (Index i = 0; i < saved.rows; ++i)
        add_scaled(saved.z + i * saved.stride + column, 1.0f, sums + column, columns);
    });
    return sums;
  }

  double divergence(const Saved& saved) const {
    double sum = 0;
    for (Index j = 0; j < width_; ++j) {
      const double mean = bounded_mean(saved.sums[j], saved.rows), rho = rho_;
      sum += rho * std::log(rho / mean) + (1 - rho) * std::log((1 - rho) / (1 - mean));
    }
    return weight_ * sum;
  }

  // The penalty's gradient with respect to each z of a column, the same in all rows; null without
  // penalty.
  const float* penalty_gradients(const Saved& saved, Arena& arena) const {
    if (l1_ == 0 && weight_ == 0) return nullptr;
    float* gradients = arena.take<float>(saved.stride);
    const float inverse_rows = 1.0f / static_cast<float>(saved.rows);
    for (Index j = 0; j < width_; ++j) {
      gradients[j] = l1_ * inverse_rows;
      if (weight_ == 0) continue;
      const float mean = bounded_mean(saved.sums[j], saved.rows);
      gradients[j] = weight_ * inverse_rows * ((1 - rho_) / (1 - mean) - rho_ / mean);
    }
    return gradients;
  }

  Kind kind_;
  float threshold_;
  Index k_ = 0;
  float l1_ = 0;
  float rho_ = 0, weight_ = 0;
  Index width_ = 0;
  int scale_ = -1, rows_since_active_ = -1;
};

const bool registered = Registry<Layer>::add<SparseCode>("sparse_code");

}  // namespace
}  // namespace gatewise
