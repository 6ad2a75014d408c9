// Products with CSR rows: Y = f(X W + b), and dW = X^T dY from nonzeros sorted by column. Several
// panels are taken at once, so that an nonzero's column and value are read once for all of them.
#pragma once

#include "kernels/forward_product.h"
#include "kernels/update.h"

namespace gatewise {

// The place of the first column that is not in [0, width), or -1; columns [count].
Index find_column_outside(const std::int32_t* columns, Index count, Index width);

// Panels that a product with sparse rows takes at once.
extern const Index kSparsePanels;

// `forward_product` for CSR rows: the sum runs over a row's nonzeros in their order, whatever the
// ranges.
void sparse_forward_product(const SparseRows& x, Index row_begin, Index row_end, const Panels& w,
                            Index panel_begin, Index panel_end, const Epilogue& epilogue);

struct Nonzero {
  std::int32_t column = 0;
  std::int32_t row = 0;
  float value = 0;
};

// Entries of consecutive rows in ascending order of column, within a column in the order of rows.
struct SortedRun {
  const Nonzero* begin = nullptr;
  const Nonzero* end = nullptr;
};

// Sorts the nonzeros of rows [row_begin, row_end) of x, whose columns lie below `width`, into
// `sorted`; `scratch` is room for as many. Row numbers are those behind `first_row`. Radix sort:
// work and memory follow the nonzeros, not the width.
SortedRun sort_by_column(const SparseRows& x, Index row_begin, Index row_end, Index first_row,
                         Index width, Nonzero* sorted, Nonzero* scratch);

// The most runs that a gradient is made of.
inline constexpr Index kMaxRuns = 8;

// `weight_gradient` of rows [begin, end) of the panels [panel_begin, panel_end), for x in `count`
// runs of consecutive rows, first rows first: the sum of an element runs over the rows upwards
// however they are cut into runs. Row number i of d_y belongs to row number i of the nonzeros.
void sparse_weight_gradient(const SortedRun* runs, Index count, const float* d_y, Index d_y_stride,
                            PanelShape shape, Index panel_begin, Index panel_end, Index begin,
                            Index end, const UpdateTarget& target);

}  // namespace gatewise
