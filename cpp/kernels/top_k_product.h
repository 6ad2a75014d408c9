// The k largest values of each row of X W + b, chosen in the product's end: the values of a row are
// never all stored.
#pragma once

#include <bit>

#include "kernels/screen.h"

namespace gatewise {

// A value above 0 and its column as one number, which is larger for a better candidate: bits of
// floats above 0 are in the order of their values, and of equal values the lower column is better.
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

// Of each row a list of what may be in its code, and a bound that the others do not exceed. Lists
// are [rows, capacity].
struct Candidates {
  Candidate* lists = nullptr;
  std::int32_t* counts = nullptr;
  float* bounds = nullptr;
  Index capacity = 0;

  Candidates from(Index row) const {
    return {lists + row * capacity, counts + row, bounds + row, capacity};
  }
};

// Room for the k largest. A list is cut back to k when a register's columns may not fit any more:
// with capacity for k more, a cut, which passes over the list a dozen times, is rare.
inline Index candidate_capacity(Index k) { return 2 * k + 3 * kPanelWidth; }

// Room for all of `columns`: such lists are never cut.
inline Index full_capacity(Index columns) { return columns + kPanelWidth; }

// Starts the lists of `rows` rows: empty, and nothing at or under `threshold` will be taken. A list
// that may be cut holds values above 0 alone.
void begin_candidates(Index rows, float threshold, const Candidates& candidates);

// Adds the columns of panels [panel_begin, panel_end) to the lists of rows [row_begin, row_end),
// which lie at their row's number. Sums run over the depth upwards in one accumulator, then the
// bias is added. For a row, panels must come in ascending order over calls; then ties go to the
// lowest column. NaN is never taken.
//
// With space for it, a screen first finds the rows that may have a candidate in a panel, and only
// those are multiplied (kernels/screen.h). The candidates are the same.
void top_k_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                   const ColumnTerms& terms, Index panel_begin, Index panel_end, Index k,
                   const Candidates& candidates, const ScreenSpace& screen = {});

// Brings the k best of `count` candidates to the front, in the order in which they were, and
// returns their number, which is less than k where there are fewer. Of equal values the lowest
// columns win. Their columns differ.
Index choose_candidates(Candidate* list, Index count, Index k);

}  // namespace gatewise
