// Dispatch plan: from each row's chosen experts to each expert's rows.
#pragma once

#include <cstdint>

#include "products/grouped.h"

namespace gatewise {

// Assignment count of each expert, in total and in each block of consecutive rows: the counting
// half of a counting sort.
struct Tally {
  Index rows_per_block = 0;
  Index blocks = 0;           // at least 1; the last may be short or empty
  Index* by_block = nullptr;  // [blocks, experts]
  Index* totals = nullptr;    // [experts]
};

// The experts of every row in CSR form: row i has assignments [offsets[i], offsets[i + 1]), best
// first.
struct Choice {
  Index rows = 0;
  Index* offsets = nullptr;         // [rows + 1]
  std::int32_t* experts = nullptr;  // [assignments]
  float* weights = nullptr;         // [assignments]
  Tally tally = {};                 // counts if the router has them; else `totals` is null
  // Arrays of the dispatch plan have at least this size, so that a count that varies from step to
  // step does not change what is taken from the arena.
  Index max_assignments = 0;

  Index num_assignments() const { return offsets[rows]; }
};

// Allocates a choice of `rows` rows with `per_row` assignments each and sets its offsets.
Choice make_choice(Index rows, Index per_row, Arena& arena);

// Counts the assignments of each of `experts` experts.
Tally tally_choice(const Choice& choice, Index experts, Arena& arena);

// The assignments sorted by expert, then by row: position p in dispatch order holds assignment
// assignment_of[p] of row row_of[p]; group e of `groups` holds the positions of expert e.
struct Dispatch {
  Groups groups;
  Index* row_of = nullptr;
  Index* assignment_of = nullptr;
  Index* position_of = nullptr;  // [assignments], the inverse of assignment_of
};

// Uses the counts in `choice.tally` if they are set. `position_of` is null without
// `with_positions`.
Dispatch make_dispatch(const Choice& choice, Index experts, Arena& arena,
                       bool with_positions = true);

}  // namespace gatewise
