// Sparse codes of rows, and the product they are chosen from.
#pragma once

#include "core/arena.h"
#include "kernels/top_k_product.h"

namespace gatewise {

// Entries [offsets[i], offsets[i + 1]) are row i's, in ascending order of latents.
struct Codes {
  Index rows = 0;
  Index* offsets = nullptr;         // [rows + 1]
  std::int32_t* latents = nullptr;  // [entries]
  float* values = nullptr;          // [entries]

  Index entries() const { return offsets[rows]; }
};

// The pre-activations X W + b of rows [0, rows) and the latents of panels [panel_begin, panel_end).
// Those are looked at that exceed `least` and their latent's floor.
struct CodeProduct {
  Rows x;
  Index rows = 0;
  Panels w;
  ColumnTerms terms;
  float least = 0;
  Index panel_begin = 0, panel_end = 0;

  Index panels() const { return panel_end - panel_begin; }
  // Multiply-adds of some rows and panels.
  double operations(Index some_rows, Index some_panels) const {
    return static_cast<double>(some_rows * some_panels * kPanelWidth * w.shape.rows);
  }
};

// Lists of so many rows, with that much room each.
inline Candidates take_candidates(Index rows, Index room, Arena& arena) {
  return {arena.take<Candidate>(rows * room), arena.take<std::int32_t>(rows),
          arena.take<float>(rows), room};
}

}  // namespace gatewise
