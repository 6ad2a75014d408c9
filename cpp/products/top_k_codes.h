// Sparse codes: the k largest of each row of X W + b, in CSR form.
#pragma once

#include <atomic>

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

// Which value the k-th largest of a row will hardly be below, as earlier rows tell: what does not
// exceed it need not be looked at. A row that then has fewer than k entries is done again without
// it, so a guess takes or costs time and changes no result.
class BoundGuess {
 public:
  float value() const { return value_.load(std::memory_order_relaxed); }
  // From the k-th largest values of some rows, below 0 where a row has fewer.
  void learn(const float* least_of_rows, Index rows);

 private:
  std::atomic<float> value_{0};
};

// The k largest values of each row that exceed `threshold`, which is 0 or more; of equal ones those
// of the lowest latents. bias [cols] or null. In the arena, with room for k entries a row. Rows are
// shared out over threads; few rows are cut along the latents.
Codes top_k_codes(const Rows& x, Index rows, const Panels& w, const float* bias, Index k,
                  float threshold, BoundGuess& guess, Arena& arena);

}  // namespace gatewise
