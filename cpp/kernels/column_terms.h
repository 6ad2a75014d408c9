// What stands beside a product's sums where columns are chosen by their value.
#pragma once

#include <limits>

#include "core/panels.h"
#include "kernels/vector.h"

namespace gatewise {

// What is added to the sums of a product's columns, and what they must exceed beside their row's
// bound; [cols], or null.
struct ColumnTerms {
  const float* bias = nullptr;
  const float* lower_bounds = nullptr;

  // Of one panel of `width` columns.
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
