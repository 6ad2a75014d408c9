// Sparse codes: the k largest of each row of X W + b, in CSR form.
#pragma once

#include "core/arena.h"
#include "core/panels.h"

namespace gatewise {

// Entries [offsets[i], offsets[i + 1]) are row i's, in ascending order of latents.
struct Codes {
  Index rows = 0;
  Index* offsets = nullptr;         // [rows + 1]
  std::int32_t* latents = nullptr;  // [entries]
  float* values = nullptr;          // [entries]

  Index entries() const { return offsets[rows]; }
};

// The k largest values of each row that exceed `threshold`; of equal ones those of the lowest
// latents. bias [cols] or null. In the arena, with room for k entries a row. Rows are shared out
// over threads; few rows are cut along the latents.
Codes top_k_codes(const Rows& x, Index rows, const Panels& w, const float* bias, Index k,
                  float threshold, Arena& arena);

}  // namespace gatewise
