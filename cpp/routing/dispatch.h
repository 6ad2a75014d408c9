// From each row's chosen experts to each expert's rows.
#pragma once

#include <cstdint>

#include "products/grouped.h"

namespace gatewise {

// How many assignments each expert has, in all and in each block of consecutive rows: the counting
// half of a counting sort.
struct Tally {
  Index rows_per_block = 0;
  Index blocks = 0;           // at least 1; the last may be short or empty
  Index* by_block = nullptr;  // [blocks, experts]
  Index* totals = nullptr;    // [experts]
};

// The experts of every row in CSR form: assignments [offsets[i], offsets[i + 1]) are row i's, best
// first.
struct Choice {
  Index rows = 0;
  Index* offsets = nullptr;         // [rows + 1]
  std::int32_t* experts = nullptr;  // [assignments]
  float* weights = nullptr;         // [assignments]
  Tally tally = {};                 // where a router has counted; `totals` is null where not

  Index num_assignments() const { return offsets[rows]; }
};

// Room for `rows` rows of `per_row` assignments each, with the offsets filled in.
Choice make_choice(Index rows, Index per_row, Arena& arena);

// Counts the assignments of each of `experts` experts.
Tally tally_choice(const Choice& choice, Index experts, Arena& arena);

// The assignments sorted by expert, stable in the order of rows: position p of the sorted order
// belongs to assignment assignment_of[p] of row row_of[p]; group e of `groups` holds the positions
// of expert e.
struct Dispatch {
  Groups groups;
  Index* row_of = nullptr;
  Index* assignment_of = nullptr;
  Index* position_of = nullptr;  // [assignments], the inverse of assignment_of
};

// Does not count again what `choice.tally` holds. `position_of` may be left out, null then.
Dispatch make_dispatch(const Choice& choice, Index experts, Arena& arena,
                       bool with_positions = true);

}  // namespace gatewise
