// Orthonormal rows in double precision.
#pragma once

#include "core/types.h"

namespace gatewise {

// basis [v + 1, length] row-major. Rows [0, v), read, are orthonormal; row v, overwritten, loses
// its projections on them, by two passes of modified Gram-Schmidt, and is scaled to length 1.
void orthonormalize_row(double* basis, Index v, Index length);

}  // namespace gatewise
