// Losses: value and gradient of a batch in one pass. A loss that knows the activation before it
// takes it over, so that the pair is computed from pre-activations without cancellation.
#pragma once

#include <memory>
#include <string>

#include "core/options.h"
#include "kernels/activations.h"

namespace gatewise {

// What the rows of a batch are compared with. Row i of the batch is row index[i] of the arrays.
struct Target {
  const float* values = nullptr;         // [rows, units], or null
  const std::int32_t* labels = nullptr;  // [rows], or null
  std::int32_t min_label = 0, max_label = 0;
  const float* weights = nullptr;  // one for each sample, or null: 1
  const Index* index = nullptr;    // null: row i
  Index rows_per_sample = 1;
  Index units = 0;

  Index row(Index i) const { return index ? index[i] : i; }
  float weight(Index i) const { return weights ? weights[row(i) / rows_per_sample] : 1.0f; }
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

  // The activation that the loss computes itself when it stands last.
  virtual Activation fused_activation() const { return Activation::kLinear; }

  // Whether it reads int32 labels, and not rows of values.
  virtual bool reads_labels() const { return false; }

  // Row i's loss l_i from predictions y [units], or from pre-activations where `fused`; then y is
  // overwritten with the activation's values. d_y [units] = scale dl_i/dy, where not null.
  virtual float row(const float* y, float* activated, Index target_row, const Target& target,
                    bool fused, float scale, float* d_y) const = 0;

  // Mean over the rows of weight_i l_i. d_y [rows, units] with d_stride, or null. row_losses
  // [rows].
  double evaluate(const Predictions& y, const Target& target, bool fused, float scale, float* d_y,
                  Index d_stride, float* row_losses) const;
};

}  // namespace gatewise
