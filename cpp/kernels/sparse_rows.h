// Products with CSR rows: Y = f(X W + b), and dW = X^T dY from nonzeros sorted by column. Several
// panels are processed together, so that a nonzero's column and value are read once for all of
// them.
#pragma once

#include "kernels/forward_product.h"
#include "kernels/update.h"

namespace gatewise {

// columns [count], read. Returns the index of the first column outside [0, width), or -1.
Index find_column_outside(const std::int32_t* columns, Index count, Index width);

// Panels that a product with sparse rows processes together.
extern const Index kSparsePanels;

// `forward_product` for CSR rows: sums accumulate over a row's nonzeros in order, whatever the
// ranges.
void sparse_forward_product(const SparseRows& x, Index row_begin, Index row_end, const Panels& w,
                            Index panel_begin, Index panel_end, const Epilogue& epilogue);

struct Nonzero {
  std::int32_t column = 0;
  std::int32_t row = 0;
  float value = 0;
};

// Nonzeros of consecutive rows in ascending order of column, and of row within a column.
struct SortedRun {
  const Nonzero* begin = nullptr;
  const Nonzero* end = nullptr;
};

// Sorts the nonzeros of rows [row_begin, row_end) of x, whose columns are below `width`, into
// `sorted`; `scratch` holds as many. Row indices are relative to `first_row`. Radix sort: time and
// memory depend on the nonzeros, not on the width.
SortedRun sort_by_column(const SparseRows& x, Index row_begin, Index row_end, Index first_row,
                         Index width, Nonzero* sorted, Nonzero* scratch);

// Max runs of one gradient.
inline constexpr Index kMaxRuns = 8;

// `weight_gradient` of rows [begin, end) of panels [panel_begin, panel_end), for x in `count` runs
// of consecutive rows, in the order of the rows. Sums accumulate over the rows in order, however
// they are divided into runs. Row i of d_y belongs to row i of the nonzeros.
void sparse_weight_gradient(const SortedRun* runs, Index count, const float* d_y, Index d_y_stride,
                            PanelShape shape, Index panel_begin, Index panel_end, Index begin,
                            Index end, const UpdateTarget& target);

}  // namespace gatewise
