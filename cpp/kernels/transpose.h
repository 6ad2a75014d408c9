// Transposed copies: a strip of a weight matrix as a panel, gradients as a panel, rows as columns.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Floats that `transpose_strip` writes.
inline Index strip_floats(PanelShape shape) {
  return round_up(shape.cols, kPanelWidth) * kPanelWidth;
}

// strip[u * 16 + i] = w[row + i, u] for i in [0, 16) and units u in [0, cols) rounded up to 16;
// zero if row + i is after the last row, undefined if u is after the last unit.
void transpose_strip(const Panels& w, Index row, float* strip);

// columns [width, lanes], overwritten: columns[k * lanes + r] = x[row + r, k] for r < rows, 0 for r
// in [rows, lanes). lanes is a multiple of 16. `columns` must not overlap x.
void transpose_rows(const Rows& x, Index row, Index rows, Index width, Index lanes, float* columns);

// The same for CSR rows.
void transpose_sparse_rows(const SparseRows& x, Index row, Index rows, Index width, Index lanes,
                           float* columns);

// panel[i * stride_to + lane] = rows[lane * stride + i] for lanes in [0, lanes) and i in [0,
// count), zero for lanes in [lanes, stride_to): stores gradients of consecutive columns as a panel.
// `rows` and `panel` must have memory for 16 rows and `count` rounded up to 16.
void transpose_to_panel(const float* rows, Index stride, Index lanes, Index count, float* panel,
                        Index stride_to);

}  // namespace gatewise
