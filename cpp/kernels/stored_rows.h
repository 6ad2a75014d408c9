// Rows and panels of weights in 2 or 1 bytes a value, widened to float32.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// to [stride] = row i of w, padding too.
void widen_row(const StoredRows& w, Index i, float* to);

// Row i of w: its own, or widened in scratch [stride].
inline const float* stored_row(const StoredRows& w, Index i, float* scratch) {
  if (w.is_float32()) return w.float32_row(i);
  widen_row(w, i, scratch);
  return scratch;
}

// Panels [begin, end) of w, as a matrix of float32 panels has them. to  [(end - begin) w.shape.rows
// kPanelWidth]; the panels are consecutive.
void widen_panels(const StoredPanels& w, Index begin, Index end, float* to);

// y[j] += scale * w[i, j]; y [w.width]. Equal to `add_scaled` of the widened row, bit for bit.
void add_scaled_row(const StoredRows& w, Index i, float scale, float* y);

}  // namespace gatewise
