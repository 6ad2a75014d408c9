// y = f(x W + b) with only the nonzeros of W stored, for prediction only.
#include <numeric>

#include "layers/activation_output.h"
#include "layers/layer.h"
#include "layers/sparse_pack.h"
#include "products/sparse_weights.h"

namespace gatewise {
namespace {

class CompressedDense final : public Layer {
 public:
  explicit CompressedDense(const Options& options)
      : units_(options.integer("units")),
        steps_(options.integer("num_steps")),
        form_(sparse_form_from_name(options.text("form"))),
        activation_(activation_from_name(options.text("activation"))),
        use_bias_(options.flag("use_bias")) {
    require(units_ >= 1, "units: expected at least 1, got ", units_);
  }

  void forward(ForwardPass& pass) const override {
    float* y = pass.take_output(units_);
    const Activation own = pass.skip_activation ? Activation::kLinear : activation_;
    const bool by_row = own == Activation::kSoftmax;
    const Epilogue epilogue{.bias = bias_ >= 0 ? block_.slice(bias_) : nullptr,
                            .activation = by_row ? Activation::kLinear : own,
                            .y = y,
                            .y_stride = pass.output.stride};
    sparse_weights_forward(pass.inputs[0], pass.rows, block_, kernel_, epilogue, *pass.arena);
    if (by_row) activate_rows(own, y, y, pass.rows, units_, pass.output.stride);
  }

  // A trainer rejects such layers before its first step.
  void backward(BackwardPass&) override { fail("fit: expected float32 weights, got sparse"); }

  void check_stored(const StoredValues& values) const override {
    const Parameter& kernel = block_.at(kernel_);
    int given = 0;
    for (int index = kernel.nonzeros; index < first_after_kernel_; ++index)
      given += static_cast<int>(values.count(block_.at(index).name));
    if (given == 0) return;
    require(given == first_after_kernel_ - kernel.nonzeros,
            "data: expected all arrays of the nonzeros together, got ", given, " of them");
    with_sparse_weights(block_, kernel, [&](auto w) {
      w.values = static_cast<const float*>(values.at("data"));
      w.indices = static_cast<decltype(w.indices)>(values.at("indices"));
      w.offsets = static_cast<const std::int32_t*>(values.at("panel_offsets"));
      if (w.order) w.order = static_cast<const std::int32_t*>(values.at("column_order"));
      if (const char* flaw = find_error(w, steps_)) fail(flaw);
    });
  }

  Activation output_activation() const override { return activation_; }
  bool reads_sparse() const override { return true; }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "CompressedDense: expected one input, got ", widths.size());
    const PanelShape shape{widths[0], units_};
    const Index max_steps = shape.panels() * shape.rows;
    require(steps_ >= 0 && steps_ <= max_steps && steps_ <= kMaxSteps, "num_steps: expected 0 to ",
            std::min(max_steps, kMaxSteps), ", got ", steps_);
    kernel_ = add_sparse_kernel(block_, shape, form_, steps_);
    first_after_kernel_ = static_cast<int>(block_.all().size());
    if (use_bias_) bias_ = block_.add_vector("bias", "bias", units_);
    return units_;
  }

  // Until values are set: no nonzeros, and the units in their natural order.
  void start_values() override {
    if (form_ != SparseForm::kCsr) return;
    auto* order = reinterpret_cast<std::int32_t*>(block_.slice(first_after_kernel_ - 1));
    std::iota(order, order + units_, 0);
  }

 private:
  // Offsets are 32-bit integers.
  static constexpr Index kMaxSteps = (Index{1} << 31) - 1;

  Index units_;
  Index steps_;
  SparseForm form_;
  Activation activation_;
  bool use_bias_;
  int kernel_ = -1;
  int first_after_kernel_ = -1;  // the first parameter after those of the nonzeros
  int bias_ = -1;
};

const bool registered = Registry<Layer>::add<CompressedDense>("compressed_dense");

}  // namespace
}  // namespace gatewise
