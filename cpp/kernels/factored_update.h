// Passes over a matrix and its gradient for updates whose second moment is factored: row and column
// means of g^2 instead of a moment of each weight (Shazeer and Stern 2018, "Adafactor", algorithm
// 1). Sums accumulate in order over the lanes of a panel; a pass over rows or panels may be divided
// into ranges, which changes no bit.
#pragma once

#include "core/panels.h"

namespace gatewise {

// Where the values of a matrix [rows, cols] are, in either layout: panel by panel, each with `rows`
// rows of up to 16 columns.
struct MatrixPanels {
  PanelShape shape;
  Layout layout = Layout::kPanels;

  Index offset(Index panel) const {
    return layout == Layout::kPanels ? shape.offset(panel) : panel * kPanelWidth;
  }
  // Floats from one row of a panel to the next.
  Index stride(Index panel) const {
    return layout == Layout::kPanels ? shape.stride(panel) : round_up(shape.cols, kPanelWidth);
  }
};

// means [rows]: means[i] = mean_j g_ij^2 for rows [begin, end).
void row_mean_squares(const MatrixPanels& matrix, const float* g, Index begin, Index end,
                      float* means);

// means [16 * panels]: means[j] = mean_i g_ij^2 for the columns of one panel.
void column_mean_squares(const MatrixPanels& matrix, const float* g, Index panel, float* means);

// g_ij = row_factors[i] column_factors[j] g_ij for one panel, and returns the sum of their squares.
// row_factors [rows], column_factors [16 * panels].
float scale_panel(const MatrixPanels& matrix, const float* row_factors, const float* column_factors,
                  float* g, Index panel);

}  // namespace gatewise
