// The k largest values of each row of X W + b, chosen in the product's epilogue: the values of a
// row are never all stored.
#pragma once

#include <bit>

#include "core/panels.h"
#include "kernels/selection/column_terms.h"
#include "kernels/selection/screen_kind.h"

namespace gatewise {

// A value above 0 and its column packed into an integer that is larger for a better candidate. Bits
// of floats above 0 are in the order of their values; of equal values the lower column is better.
class Candidate {
 public:
  Candidate() = default;
  Candidate(float value, std::int32_t column)
      : key_(std::uint64_t{std::bit_cast<std::uint32_t>(value)} << 32 |
             ~static_cast<std::uint32_t>(column)) {}

  float value() const { return std::bit_cast<float>(static_cast<std::uint32_t>(key_ >> 32)); }
  std::int32_t column() const {
    return static_cast<std::int32_t>(~static_cast<std::uint32_t>(key_));
  }
  std::uint64_t key() const { return key_; }

 private:
  std::uint64_t key_;
};

// lists  [rows, capacity]: the candidates of each row's code. counts, bounds  [rows]: length of the
// list, and a bound that no other value of the row exceeds.
struct Candidates {
  Candidate* lists = nullptr;
  std::int32_t* counts = nullptr;
  float* bounds = nullptr;
  Index capacity = 0;

  Candidates from(Index row) const {
    return {lists + row * capacity, counts + row, bounds + row, capacity};
  }
};

// Capacity of a list of the k largest. A list is truncated to k when 16 more columns may not fit.
// Capacity for k more makes this rare; it passes over the list a dozen times.
inline Index candidate_capacity(Index k) { return 2 * k + 3 * kPanelWidth; }

// Capacity for all of `columns`: such lists are never truncated.
inline Index full_capacity(Index columns) { return columns + kPanelWidth; }

// Empties the lists of `rows` rows and sets their bounds to `threshold`, which a value must exceed
// to be kept. A list that may be truncated must only hold values above 0.
void begin_candidates(Index rows, float threshold, const Candidates& candidates);

// Adds the columns of panels [panel_begin, panel_end) to the lists of rows [row_begin, row_end);
// row i has list i. Sums accumulate over the depth in order, then the bias is added. For a row,
// panels must come in ascending order over calls; then ties go to the lowest column. NaN is never
// kept.
//
// If `screen` has scratch, it first finds the rows that may have a candidate in a panel, and only
// those are multiplied (kernels/selection/screen.h). The candidates are the same.
void top_k_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                   const ColumnTerms& terms, Index panel_begin, Index panel_end, Index k,
                   const Candidates& candidates, const ScreenSpace& screen = {});

// Moves the k best of `count` candidates to the front in their original order and returns their
// count, min(k, count). Of equal values the lowest columns win. Columns must be distinct.
Index choose_candidates(Candidate* list, Index count, Index k);

}  // namespace gatewise
