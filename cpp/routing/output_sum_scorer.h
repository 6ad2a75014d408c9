// What a router offers whose scores are sums of the outputs of linear experts, s_e = x . (W_e 1) +
// b_e . 1: these need the sums of kernels and biases only, so no expert runs to be scored. The
// layer passes the sums of every kernel and bias that changes.
#pragma once

#include "routing/router.h"

namespace gatewise {

class OutputSumScorer {
 public:
  virtual ~OutputSumScorer() = default;

  // Sets the sums of expert e: of each row of its kernel, [width], and of its bias.
  virtual void set_output_sums(Index e, const float* sums, float bias_sum) = 0;

  // From the gradients of the weights of one row's assignments [per_row], computes those of each
  // assignment's output sum, which the caller adds to the gradient of each of its outputs.
  virtual void output_sums_backward(const RouterRun& run, Index row, const float* d_weights,
                                    float* d_sums) const = 0;
};

}  // namespace gatewise
