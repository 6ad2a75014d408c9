// Base of experts with one hidden layer, y = g(x) W_out + b_out.
#pragma once

#include <array>

#include "experts/expert.h"
#include "products/row_blocks.h"

namespace gatewise {

// Values of a forward pass: arrays [rows, hidden] with a common stride, which an expert names by
// its own indices; null where the pass does not fill them.
struct HiddenArrays {
  static constexpr int kMaxCount = 4;
  std::array<float*, kMaxCount> data{};
  Index stride = 0;

  // `count` arrays in `memory`, `floats` values apart.
  static HiddenArrays in(float* memory, int count, Index floats, Index stride);

  float* operator[](int index) const { return data[index]; }

  // The same arrays, starting at `row`.
  HiddenArrays from(Index row) const;
};

class HiddenExpert : public Expert {
 public:
  explicit HiddenExpert(const Options& options)
      : hidden_(options.integer("expert.hidden")),
        activation_(expert_activation(options)),
        use_bias_(options.flag("expert.use_bias")) {
    require(hidden_ >= 1, "hidden: expected at least 1, got ", hidden_);
  }

  // Many rows pass through all products block by block; few rows pass through one product after the
  // other, each split over columns too. Without `keep`, hidden values of a block are in its
  // thread's scratch.
  const void* forward(const Input& x, const Groups& groups, const ParameterBlock& block, float* y,
                      Index y_stride, bool keep, Arena& arena) const final;

 protected:
  static constexpr int kHidden = 0;  // the array that W_out multiplies

  // Count of arrays that a pass fills. The pre-activations are the last; only backward reads them.
  virtual int num_arrays(bool keep) const = 0;

  // Computes arrays[kHidden], and what backward reads, from the rows of x.
  virtual void compute_hidden(const Input& x, const ProductRows& rows, const ParameterBlock& block,
                              const HiddenArrays& arrays) const = 0;

  // Declares W_out and b_out, after all others.
  void declare_output(ParameterBlock& block, const std::string& prefix, Index count, Index units,
                      bool output_bias);

  // Whether backward will read the pre-activations.
  bool keeps_input(bool keep) const { return keep && derivative_needs_input(activation_); }

  // Epilogue of a product that stores its activated sums in array `y`, and the sums themselves in
  // array `pre_activation` unless that is null.
  Epilogue activated(const HiddenArrays& arrays, int y, int pre_activation) const {
    return {.activation = activation_,
            .y = arrays[y],
            .y_stride = arrays.stride,
            .pre_activation = arrays[pre_activation]};
  }

  Input hidden_rows(const HiddenArrays& arrays) const {
    return {.dense = {arrays[kHidden], arrays.stride}, .width = hidden_};
  }
  Index stride() const { return round_up(hidden_, kPanelWidth); }

  Index hidden_;
  Activation activation_;
  bool use_bias_;
  int kernel_out_ = -1, bias_out_ = -1;
};

}  // namespace gatewise
