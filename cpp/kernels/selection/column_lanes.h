// Terms of the columns of one panel, as lanes.
#pragma once

#include <limits>

#include "core/panels.h"
#include "kernels/selection/column_terms.h"
#include "kernels/vector.h"

namespace gatewise {

// `width` terms of panel `panel`, or `otherwise` in all lanes if there are none.
GATEWISE_INLINE Vector panel_terms(const float* terms, Index panel, Index width, float otherwise) {
  return terms ? Vector::load_up_to(terms + panel * kPanelWidth, width) : Vector::set(otherwise);
}
GATEWISE_INLINE Vector panel_bias(const ColumnTerms& terms, Index panel, Index width) {
  return panel_terms(terms.bias, panel, width, 0);
}
GATEWISE_INLINE Vector panel_lower_bounds(const ColumnTerms& terms, Index panel, Index width) {
  return panel_terms(terms.lower_bounds, panel, width, -std::numeric_limits<float>::infinity());
}

}  // namespace gatewise
