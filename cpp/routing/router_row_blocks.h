// Row blocks of a router: a thread takes a block from the product to the chosen experts while its
// logits are in cache.
#pragma once

#include <algorithm>

#include "products/grouped.h"

namespace gatewise {

// Max floats of a block's logits, and of its scores: together half of a 1 MB L2 cache.
inline constexpr Index kBlockFloats = Index{1} << 16;
inline constexpr Index kMaxBlockRows = 96;

// With fewer rows per thread than this, all rows form one block, whose product is split over
// columns.
inline constexpr Index kFewRows = 2 * kRowGrain;

struct RowBlocks {
  Index rows = 0;            // of one block
  Index count = 0;           // blocks
  Index workspace_rows = 0;  // of all blocks in progress at once
  int threads = 1;           // max threads, if there are several blocks
};

// Row blocks for `rows` rows of `stride` logits.
inline RowBlocks cut_rows(Index rows, Index stride) {
  RowBlocks cut;
  cut.threads = rows < kFewRows ? 1 : num_threads();
  const Index max_rows =
      std::clamp(kBlockFloats / stride / kRowGrain * kRowGrain, kRowGrain, kMaxBlockRows);
  // Four blocks per thread even out differences in their cost.
  cut.rows = std::min(max_rows, round_up(ceil_divide(rows, 4 * cut.threads), kRowGrain));
  if (rows < kFewRows * cut.threads) cut.rows = std::max<Index>(rows, 1);
  cut.count = ceil_divide(rows, cut.rows);
  // Does not decrease with `rows`, so that a batch smaller than an earlier one has enough
  // workspace.
  cut.workspace_rows = std::min(rows, cut.threads * std::max(max_rows, kFewRows));
  return cut;
}

}  // namespace gatewise
