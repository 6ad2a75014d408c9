// Sparse codes of rows, and the product that they are selected from.
#pragma once

#include <limits>

#include "core/arena.h"
#include "core/quantized_panels.h"
#include "kernels/selection/top_k_product.h"

namespace gatewise {

// CSR: row i has nonzeros [offsets[i], offsets[i + 1]), in ascending order of latents.
struct Codes {
  Index rows = 0;
  Index* offsets = nullptr;         // [rows + 1]
  std::int32_t* latents = nullptr;  // [nonzeros]
  float* values = nullptr;          // [nonzeros]

  Index nonzeros() const { return offsets[rows]; }
};

// The pre-activations X W + b of rows [0, rows) and the latents of panels [panel_begin, panel_end).
// Only values above `threshold` and the latent's lower bound are kept.
struct EncoderProduct {
  Rows x;
  Index rows = 0;
  StoredPanels w;
  ColumnTerms terms;
  float threshold = 0;
  Index panel_begin = 0, panel_end = 0;

  Index panels() const { return panel_end - panel_begin; }
  // The product that keeps all values.
  EncoderProduct without_threshold() const {
    EncoderProduct product = *this;
    product.threshold = -std::numeric_limits<float>::infinity();
    return product;
  }
  // Multiply-adds of `num_rows` rows and `num_panels` panels.
  double operations(Index num_rows, Index num_panels) const {
    return static_cast<double>(num_rows * num_panels * kPanelWidth * w.shape.rows);
  }
};

// Lists for `rows` rows, uninitialised, of `capacity` candidates each.
inline Candidates take_candidates(Index rows, Index capacity, Arena& arena) {
  return {arena.take<Candidate>(rows * capacity), arena.take<std::int32_t>(rows),
          arena.take<float>(rows), capacity};
}

}  // namespace gatewise
