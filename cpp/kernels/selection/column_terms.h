// Bias and lower bounds of columns, for products that select columns by their values.
#pragma once

#include <limits>

#include "core/panels.h"
#include "kernels/vector.h"

namespace gatewise {

// Per column, [cols] or null: the bias that is added to its sum, and the lower bound that the
// result must exceed in addition to its row's bound.
struct ColumnTerms {
  const float* bias = nullptr;
  const float* lower_bounds = nullptr;

  // The terms of one panel of `width` columns.
  GATEWISE_INLINE Vector panel_bias(Index panel, Index width) const {
    return load(bias, panel, width, 0);
  }
  GATEWISE_INLINE Vector panel_lower_bounds(Index panel, Index width) const {
    return load(lower_bounds, panel, width, -std::numeric_limits<float>::infinity());
  }

 private:
  static GATEWISE_INLINE Vector load(const float* terms, Index panel, Index width,
                                     float otherwise) {
    return terms ? Vector::load_up_to(terms + panel * kPanelWidth, width) : Vector::set(otherwise);
  }
};

}  // namespace gatewise
