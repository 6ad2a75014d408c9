// Losses: value and gradient of a batch in one pass. A loss may also compute the activation before
// it: from pre-activations, the pair has no cancellation.
//
// A new loss is one file here that derives from `RowLoss`, or has a formula for `MeanLoss`
// (mean_loss.h), and registers its kind; a class of gatewise/losses; and a test.
#pragma once

#include <memory>
#include <optional>
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
  bool is_binary = false;  // whether all targets of the batch are 0 or 1; set by `Loss::prepare`

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
  Index units = 0;
};

// What the sum of a batch's weighted losses is divided by: the rows, 1, or the sum of their
// weights.
enum class Reduction { kMean, kSum, kWeightedMean };

// From Keras' names.
Reduction to_reduction(const std::string& name);

class Loss {
 public:
  virtual ~Loss() = default;

  // Reads the option "reduction" (Keras' names; the mean if missing), and those of the kind.
  static std::unique_ptr<Loss> create(const std::string& name, const Options& options);

  // The activation that the loss computes itself if a network ends with it.
  virtual Activation fused_activation() const { return Activation::kLinear; }

  // Whether the loss reads int32 labels instead of rows of values.
  virtual bool reads_labels() const { return false; }

  // Whether the loss takes labels, or rows of values of any width.
  virtual bool takes_any_target() const { return false; }

  // Throws if the settings do not fit outputs of this width.
  virtual void check_units(Index units) const { static_cast<void>(units); }

  // A label whose rows have loss 0 and do not count in the mean.
  virtual std::optional<std::int32_t> ignored_label() const { return {}; }

  // Throws unless all labels of `count` rows are classes, from 0 to units - 1, or ignored. `name`
  // is used in the error.
  void check_labels(const Target& target, Index count, const char* name) const;

  // `target` with what the loss derives from all `count` rows of a batch.
  virtual Target prepare(const Target& target, Index count) const {
    static_cast<void>(count);
    return target;
  }

  // The divisor of the sum of a batch's losses, over the first `count` rows of the target.
  double divisor(const Target& target, Index count) const;

  // Returns sum_i weight_i l_i / divisor (0 if it is 0) and sets row_losses [rows] to weight_i l_i.
  // d_y [rows, units] with d_stride, or null, is `scale` times the gradient of what is returned.
  double evaluate(const Predictions& y, const Target& target, bool fused, float scale,
                  double divisor, float* d_y, Index d_stride, float* row_losses) const;

  Reduction reduction = Reduction::kMean;

 protected:
  // Sets row_losses to weight_i l_i and d_y, unless null, to scale weight_i / divisor dl_i/dy.
  virtual void evaluate_rows(const Predictions& y, const Target& target, bool fused, float scale,
                             float divisor, float* d_y, Index d_stride,
                             float* row_losses) const = 0;
};

// A loss with a formula for one row; rows are divided over threads.
class RowLoss : public Loss {
 public:
  // Returns the loss l_i of one row y [units]: predictions or, if `fused`, pre-activations, whose
  // activations are written to `activated` (null: not written; may alias y). d_y [units] = scale
  // dl_i/dy, unless null.
  virtual float row(const float* y, float* activated, Index target_row, const Target& target,
                    bool fused, float scale, float* d_y) const = 0;

 protected:
  void evaluate_rows(const Predictions& y, const Target& target, bool fused, float scale,
                     float divisor, float* d_y, Index d_stride, float* row_losses) const override;
};

}  // namespace gatewise
