// Parallel passes over the values of a slice, in chunks.
#pragma once

#include <algorithm>

#include "core/parallel.h"

namespace gatewise {

// Count of values in one chunk.
inline constexpr Index kChunkSize = 4096;

// Calls pass(begin, count) for the chunks of `size` values, each of which costs about `operations`
// multiply-adds.
template <typename Pass>
void for_chunks(Index size, double operations, const Pass& pass) {
  parallel_for(ceil_divide(size, kChunkSize), operations * kChunkSize, [&](Index begin, Index end) {
    for (Index chunk = begin; chunk < end; ++chunk)
      pass(chunk * kChunkSize, std::min(kChunkSize, size - chunk * kChunkSize));
  });
}

}  // namespace gatewise
