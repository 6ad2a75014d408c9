// Limits of sizes that a caller or a file gives, so that no product of them overflows.
#pragma once

#include <initializer_list>

#include "core/errors.h"
#include "core/types.h"

namespace gatewise {

// Of one setting or axis: column indices of sparse rows are 32-bit integers.
inline constexpr Index kMaxSize = (Index{1} << 31) - 1;

// Of an array: more than any machine's memory, and small enough that bytes do not overflow.
inline constexpr Index kMaxFloats = Index{1} << 44;

// Of a count of training steps.
inline constexpr Index kMaxSteps = Index{1} << 53;

// The product of sizes, each at least 0. Throws above kMaxFloats.
inline Index size_product(const char* name, std::initializer_list<Index> sizes) {
  double product = 1;
  for (const Index size : sizes) product *= static_cast<double>(size);
  require(product <= static_cast<double>(kMaxFloats), name, ": expected at most ", kMaxFloats,
          " values, got ", product);
  return static_cast<Index>(product);
}

}  // namespace gatewise
