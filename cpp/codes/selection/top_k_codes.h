// Sparse codes: the k largest values of each row of X W + b, as CSR.
#pragma once

#include <atomic>

#include "codes/codes.h"

namespace gatewise {

// A probable lower bound, estimated from earlier rows, of a row's k-th largest value divided by the
// row's norm: smaller values are skipped. A row that then has fewer than k nonzeros is recomputed
// without it, so an estimate affects time and no result.
class RowThresholdEstimate {
 public:
  float value() const { return value_.load(std::memory_order_relaxed); }
  // kth_values [rows]: that ratio for each row, or below 0 if the row has fewer than k nonzeros.
  void update(const float* kth_values, Index rows);

 private:
  std::atomic<float> value_{0};
};

// The k largest pre-activations of each row; ties go to the lowest latents. The product has
// `threshold` >= 0 and no lower bounds. The arrays lie in the arena, with capacity for k nonzeros a
// row. Threads share rows or, if there are few, latents.
Codes top_k_codes(const EncoderProduct& product, Index k, RowThresholdEstimate& estimate,
                  Arena& arena);

}  // namespace gatewise
