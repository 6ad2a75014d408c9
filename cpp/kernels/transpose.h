// Transposed copies: a strip of a weight matrix as a panel, gradients as a panel, rows as columns.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Floats that `transpose_strip` writes.
inline Index strip_floats(PanelShape shape) {
  return round_up(shape.cols, kPanelWidth) * kPanelWidth;
}

// strip[u * 16 + i] = w[row + i, u] for i of [0, 16) and units u of [0, cols) rounded up to 16;
// zero where row + i lies behind the last row, anything where u lies behind the last unit.
void transpose_strip(const Panels& w, Index row, float* strip);

// columns[k * lanes + r] = x[row + r, k] for k < width, r < rows, and 0 for r of [rows, lanes);
// lanes is a multiple of 16. `columns` must not overlap x.
void transpose_rows(const Rows& x, Index row, Index rows, Index width, Index lanes, float* columns);

// The same of CSR rows.
void transpose_sparse_rows(const SparseRows& x, Index row, Index rows, Index width, Index lanes,
                           float* columns);

// panel[i * stride_to + lane] = rows[lane * stride + i] for lanes of [0, lanes) and i of [0,
// count), zero for lanes of [lanes, stride_to): gradients of columns, one after the other, as a
// panel. `rows` and `panel` have room for 16 rows and `count` rounded up to 16.
void transpose_to_panel(const float* rows, Index stride, Index lanes, Index count, float* panel,
                        Index stride_to);

}  // namespace gatewise
