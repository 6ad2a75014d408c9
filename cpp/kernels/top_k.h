// Top-k of a row.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace gatewise {

// values [width], read; indices [k], overwritten with the indices of the k largest values, largest
// first. Ties go to the lowest index; NaN counts as -infinity. 1 <= k <= width.
void top_k(const float* values, Index width, Index k, std::int32_t* indices);

}  // namespace gatewise
