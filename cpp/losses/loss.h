// Losses: value and gradient of a batch in one pass. A loss may also compute the activation before
// it: from pre-activations, the pair has no cancellation.
#pragma once

#include <memory>
#include <string>

#include "core/options.h"
#include "kernels/activations.h"

namespace gatewise {

// Targets of a batch. Row i of the batch is row index[i] of the arrays.
struct Target {
  const float* values = nullptr;         // [rows, units], or null
  const std::int32_t* labels = nullptr;  // [rows], or null
  std::int32_t min_label = 0, max_label = 0;
  const float* weights = nullptr;  // one for `rows_per_weight` rows, or null: all 1
  const Index* index = nullptr;    // null: row i
  Index rows_per_weight = 1;
  Index rows_per_sample = 1;
  Index units = 0;

  Index row(Index i) const { return index ? index[i] : i; }
  float weight_of(Index row) const { return weights ? weights[row / rows_per_weight] : 1.0f; }
  float weight(Index i) const { return weight_of(row(i)); }
};

// The outputs that a loss reads, [rows, units].
struct Predictions {
  Rows rows;
  float* writable = nullptr;  // the same rows where they may be overwritten
  Index stride = 0;           // of `writable`
  Index count = 0;
};

class Loss {
 public:
  virtual ~Loss() = default;

  static std::unique_ptr<Loss> create(const std::string& name, const Options& options);

  // The activation that the loss computes itself if a network ends with it.
  virtual Activation fused_activation() const { return Activation::kLinear; }

  // Whether the loss reads int32 labels instead of rows of values.
  virtual bool reads_labels() const { return false; }

  // Returns the loss l_i of one row y [units]: predictions or, if `fused`, pre-activations, whose
  // activations are written to `activated` (null: not written; may alias y). d_y [units] = scale
  // dl_i/dy, unless null.
  virtual float row(const float* y, float* activated, Index target_row, const Target& target,
                    bool fused, float scale, float* d_y) const = 0;

  // Returns sum_i weight_i l_i / divisor and sets row_losses [rows] to weight_i l_i. d_y [rows,
  // units] with d_stride, or null.
  double evaluate(const Predictions& y, const Target& target, bool fused, float scale,
                  Index divisor, float* d_y, Index d_stride, float* row_losses) const;
};

}  // namespace gatewise
