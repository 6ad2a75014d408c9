// Random orthogonal matrices.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace gatewise {

// y [rows, cols] row-major, overwritten, with orthonormal rows or columns, whichever are fewer:
// normal numbers of (seed, stream), made orthonormal in double on the calling thread. Can be
// interrupted.
void fill_orthogonal(std::uint64_t seed, std::uint64_t stream, Index rows, Index cols, float* y);

}  // namespace gatewise
