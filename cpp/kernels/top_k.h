// The k largest of a row.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace gatewise {

// Writes the indices of the k largest of `width` values, largest first; ties go to the lowest
// index, NaN counts as -infinity. 1 <= k <= width. `indices` [k] overwritten.
void top_k(const float* values, Index width, Index k, std::int32_t* indices);

}  // namespace gatewise
