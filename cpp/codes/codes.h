// Sparse codes of rows, and the product they are chosen from.
#pragma once

#include "core/arena.h"
#include "kernels/top_k_product.h"

namespace gatewise {

// Entries [offsets[i], offsets[i + 1]) are row i's, in ascending order of latents.
struct Codes {
  Index rows = 0;
  Index* offsets = nullptr;         // [rows + 1]
  std::int32_t* latents = nullptr;  // [nonzeros]
  float* values = nullptr;          // [nonzeros]

  Index nonzeros() const { return offsets[rows]; }
};

// The pre-activations X W + b of rows [0, rows) and the latents of panels [panel_begin, panel_end).
// Those are looked at that exceed `threshold` and their latent's floor.
struct EncoderProduct {
  Rows x;
  Index rows = 0;
  Panels w;
  ColumnTerms terms;
  float threshold = 0;
  Index panel_begin = 0, panel_end = 0;

  Index panels() const { return panel_end - panel_begin; }
  // Multiply-adds of some rows and panels.
  double operations(Index num_rows, Index num_panels) const {
    return static_cast<double>(num_rows * num_panels * kPanelWidth * w.shape.rows);
  }
};

// Lists of so many rows, with that much capacity each.
inline Candidates take_candidates(Index rows, Index capacity, Arena& arena) {
  return {arena.take<Candidate>(rows * capacity), arena.take<std::int32_t>(rows),
          arena.take<float>(rows), capacity};
}

}  // namespace gatewise
