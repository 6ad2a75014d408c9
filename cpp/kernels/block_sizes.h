// Sizes of the blocks of a product, so that what is read most stays in the L2 cache. They change
// only where a sum is interrupted, never its additions or their order.
#pragma once

#include <algorithm>

#include "core/cache.h"
#include "core/panels.h"

namespace gatewise {

// Rows of a block at most: weights are read once for each block. A multiple of every tile's rows.
inline constexpr Index kBlockRows = 240;

// Part of the depth whose values of kBlockRows rows take half of the L2 cache.
inline Index depth_block() {
  const Index depth = l2_bytes() / 2 / (kBlockRows * static_cast<Index>(sizeof(float)));
  return std::clamp<Index>(depth / 64 * 64, 256, 1024);
}

}  // namespace gatewise
