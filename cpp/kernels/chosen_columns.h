// Products with a slope D [rows, cols] that has few values a row: D W^T and X^T D without the rest.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Rows of W that `transpose_columns` turns at once.
inline constexpr Index kTransposedRows = 32;

// out[c, r] = w[begin + r, c] for all columns c and r < min(kTransposedRows, rows - begin): out
// [cols, kTransposedRows], overwritten; where no such row is, zero. Columns with counts[c] = 0 are
// left out.
void transpose_columns(const Panels& w, Index begin, const Index* counts, float* out);

// d_x[r] += sum_s d[s] transposed[columns[s], r] for r < rows, s < count upwards in one
// accumulator. d_x must not overlap the others.
void add_chosen_columns(const float* transposed, const std::int32_t* columns, const float* d,
                        Index count, float* d_x, Index rows);

// Rows of W whose gradient `chosen_gradient` makes at once.
inline constexpr Index kChosenRows = 64;

// The indices of one column of D: entry number p is d[indices[p]], in row rows[p] of X and of D.
struct ColumnNonzeros {
  const Index* rows = nullptr;
  const Index* indices = nullptr;
  Index count = 0;
};

// g[r * stride] = sum_p d[indices[p]] x[rows[p], begin + r] for r < min(kChosenRows, width -
// begin), p upwards in one accumulator; x has `width` columns. g must not overlap x or d.
void chosen_gradient(const Rows& x, Index width, Index begin, const ColumnNonzeros& column,
                     const float* d, float* g, Index stride);

}  // namespace gatewise
