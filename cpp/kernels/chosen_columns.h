// Products D W^T and X^T D with a gradient D [rows, cols] that has few nonzeros per row.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Rows of W that one call of `transpose_columns` transposes.
inline constexpr Index kTransposedRows = 32;

// out  [cols, kTransposedRows], overwritten: out[c, r] = w[begin + r, c] for r <
// min(kTransposedRows, rows - begin), zero for larger r. Columns with counts[c] = 0 are skipped.
void transpose_columns(const Panels& w, Index begin, const Index* counts, float* out);

// transposed [cols, kTransposedRows], columns [count], d [count], read; d_x [rows] must not overlap
// them. d_x[r] += sum_s d[s] transposed[columns[s], r] for r < rows, with s in order in one
// accumulator.
void add_chosen_columns(const float* transposed, const std::int32_t* columns, const float* d,
                        Index count, float* d_x, Index rows);

// Rows of W whose gradient one call of `chosen_gradient` computes.
inline constexpr Index kChosenRows = 64;

// The nonzeros of one column of D: nonzero p is d[indices[p]], in row rows[p] of X and of D.
struct ColumnNonzeros {
  const Index* rows = nullptr;
  const Index* indices = nullptr;
  Index count = 0;
};

// x  [rows, width] gathered, read. g[r * stride] = sum_p d[indices[p]] x[rows[p], begin + r] for r
// < min(kChosenRows, width - begin), with p in order in one accumulator. g must not overlap x or d.
void chosen_gradient(const Rows& x, Index width, Index begin, const ColumnNonzeros& column,
                     const float* d, float* g, Index stride);

}  // namespace gatewise
