// Arrays of random numbers: value i is number `start + i` of (seed, stream).
#pragma once

#include <cstdint>

#include "core/types.h"

namespace gatewise {

// Uniform on [low, high).
void fill_uniform(std::uint64_t seed, std::uint64_t stream, Index start, float low, float high,
                  float* y, Index count);

// Normal, by the inverse distribution function of a uniform number (Giles 2010, "Approximating the
// erfinv function", table 5): one uniform number per result.
void fill_normal(std::uint64_t seed, std::uint64_t stream, Index start, float mean, float stddev,
                 float* y, Index count);

// y [count], overwritten with a permutation of 0 .. count - 1 (Fisher and Yates).
void fill_permutation(std::uint64_t seed, std::uint64_t stream, Index* y, Index count);

}  // namespace gatewise
