// Sparse codes: the k largest of each row of X W + b, in CSR form.
#pragma once

#include <atomic>

#include "codes/codes.h"

namespace gatewise {

// What the k-th largest value of a row, divided by the row's norm, will hardly be below, as earlier
// rows tell: what does not exceed it need not be looked at. A row that then has fewer than k
// nonzeros is done again without it, so an estimate takes or costs time and changes no result.
class RowThresholdEstimate {
 public:
  float value() const { return value_.load(std::memory_order_relaxed); }
  // From those of some rows, below 0 where a row has fewer than k nonzeros.
  void update(const float* kth_values, Index rows);

 private:
  std::atomic<float> value_{0};
};

// The k largest pre-activations of each row; of equal ones those of the lowest latents. `threshold`
// of the product is 0 or more, and it has no floors. In the arena, with room for k nonzeros a row.
// Rows are shared out over threads; few rows are cut along the latents.
Codes top_k_codes(const EncoderProduct& product, Index k, RowThresholdEstimate& estimate,
                  Arena& arena);

}  // namespace gatewise
