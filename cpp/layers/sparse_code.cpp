// The code in the middle of a stacked autoencoder: an activation z = f(h) of the pre-activations h
// [rows, m], with its penalty (codes/dense_code_activation.h). Penalties, like all losses inside an
// autoencoder, are computed on standardized rows and reported divided by s^2.
// (Ng 2011, "Sparse autoencoder", section 3; Makhzani and Frey 2014, "k-sparse autoencoders".)
#include "codes/dense_code_activation.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

struct Saved {
  const float* z = nullptr;  // [rows, stride]
  Index stride = 0;
  Index rows = 0;
  const double* sums = nullptr;  // [m] sums of z over the rows; null without penalty
};

class SparseCode final : public Layer {
 public:
  explicit SparseCode(const Options& options)
      : activation_(
            Registry<DenseCodeActivation>::create(options.text("activation.kind"), options)),
        threshold_(static_cast<float>(options.number("threshold"))) {
    require(threshold_ == 0 || activation_->has_threshold(), "threshold: expected 0 with ",
            options.text("activation.kind"));
    require(threshold_ >= 0, "threshold: expected at least 0, got ", threshold_);
  }

  void forward(ForwardPass& pass) const override {
    auto* saved = pass.arena->make<Saved>();
    pass.saved = saved;
    const float* z = pass.take_output(width_);
    *saved = {.z = z, .stride = pass.output.stride, .rows = pass.rows};
    const Index k = activation_->chosen_per_row();
    auto* chosen = pass.arena->take<std::int32_t>(pass.rows * k);
    parallel_for(pass.rows, operations(), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        activation_->encode_row(pass.inputs[0].dense.row(i), threshold_,
                                pass.output.data + i * pass.output.stride, width_, chosen + i * k);
    });
    if (!pass.step.training || !activation_->has_penalty()) return;
    saved->sums = column_sums(*saved, *pass.arena);
    const double s = block_.slice(scale_)[0];
    pass.loss += activation_->penalty(saved->sums, width_, pass.rows) / (s * s);
  }

  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const auto& saved = *static_cast<const Saved*>(pass.saved);
    float* penalty = nullptr;
    if (saved.sums) {
      penalty = pass.arena->take<float>(saved.stride);
      activation_->penalty_gradients(saved.sums, width_, saved.rows, penalty);
    }
    parallel_for(pass.rows, operations(), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        activation_->backward_row(saved.z + i * saved.stride,
                                  pass.d_output + i * pass.d_output_stride, penalty,
                                  slot.data + i * slot.stride, width_, slot.accumulate);
    });
  }

  void finish_step(void* memory, bool /*updated*/) override {
    if (!trainable) return;
    const auto& saved = *static_cast<const Saved*>(memory);
    float* idle = block_.slice(rows_since_active_);
    for (Index j = 0; j < width_; ++j) idle[j] += static_cast<float>(saved.rows);
    for (Index i = 0; i < saved.rows; ++i) {
      const float* z = saved.z + i * saved.stride;
      reset_idle(z, idle, width_);
      for (Index j = 0; j < width_; ++j) training_load_[static_cast<std::size_t>(j)] += z[j] > 0;
    }
  }
  std::vector<Index>* training_load() override { return &training_load_; }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "SparseCode: expected one input, got ", widths.size());
    width_ = widths[0];
    activation_->declare(block_, width_);
    scale_ = block_.add_vector("scale", "state", 1);
    rows_since_active_ = block_.add_vector("rows_since_active", "state", width_);
    return width_;
  }
  void start_values() override { training_load_.assign(static_cast<std::size_t>(width_), 0); }

 private:
  double operations() const { return static_cast<double>(width_ * 4); }

  // Returns the sum of each column, accumulated in row order.
  const double* column_sums(const Saved& saved, Arena& arena) const {
    double* sums = arena.take_zeroed<double>(saved.stride);
    const Index blocks = saved.stride / kPanelWidth;
    parallel_for(blocks, static_cast<double>(saved.rows * 2), [&](Index begin, Index end) {
      const Index column_end = std::min(end * kPanelWidth, width_);
      for (Index i = 0; i < saved.rows; ++i)
        for (Index j = begin * kPanelWidth; j < column_end; ++j)
          sums[j] += saved.z[i * saved.stride + j];
    });
    return sums;
  }

  std::unique_ptr<DenseCodeActivation> activation_;
  float threshold_;
  Index width_ = 0;
  int scale_ = -1, rows_since_active_ = -1;
  std::vector<Index> training_load_;
};

const bool registered = Registry<Layer>::add<SparseCode>("sparse_code");

}  // namespace
}  // namespace gatewise
