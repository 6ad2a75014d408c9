// Base of experts with one hidden layer, y = g(x) W_out + b_out.
#pragma once

#include "experts/expert.h"
#include "products/row_blocks.h"

namespace gatewise {

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
  ExpertRun forward(const Input& x, const Groups& groups, const ParameterBlock& block, float* y,
                    Index y_stride, bool keep, Arena& arena) const final;

 protected:
  // Count of arrays of hidden width that a pass fills.
  virtual int num_arrays(bool keep) const = 0;

  // Assigns these arrays to `memory`, `floats` values apart.
  virtual ExpertRun partition_memory(float* memory, Index floats, bool keep) const = 0;

  // Computes run.hidden, and what backward reads, from the rows of x.
  virtual void compute_hidden(const Input& x, const ProductRows& rows, const ParameterBlock& block,
                              const ExpertRun& run) const = 0;

  // Declares W_out and b_out, after all others.
  void declare_output(ParameterBlock& block, const std::string& prefix, Index count, Index units,
                      bool output_bias);

  // Whether backward will read the pre-activations.
  bool keeps_input(bool keep) const { return keep && derivative_needs_input(activation_); }

  // Epilogue of a product that stores its activated sums in `y`, one of the run's arrays, and the
  // sums themselves where the run keeps them.
  Epilogue activated(const ExpertRun& run, float* y) const {
    return {.activation = activation_,
            .y = y,
            .y_stride = run.stride,
            .pre_activation = run.gate_input};
  }

  Input hidden_rows(const ExpertRun& run) const {
    return {.dense = {run.hidden, run.stride}, .width = hidden_};
  }
  Index stride() const { return round_up(hidden_, kPanelWidth); }

  Index hidden_;
  Activation activation_;
  bool use_bias_;
  int kernel_out_ = -1, bias_out_ = -1;
};

}  // namespace gatewise
