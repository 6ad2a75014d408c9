// How a router cuts its rows: a thread takes a block of them from the product to the best experts
// while their logits are in cache.
#pragma once

#include <algorithm>

#include "products/grouped.h"

namespace gatewise {

// Logits of a block of rows take no more than this many floats, nor do their scores: together half
// of a second cache of 1 MB.
inline constexpr Index kBlockFloats = Index{1} << 16;
inline constexpr Index kMaxBlockRows = 96;

// Fewer rows than this for each thread are one block, whose product is split over columns.
inline constexpr Index kFewRows = 2 * kRowGrain;

struct RowBlocks {
  Index rows = 0;            // of one block
  Index count = 0;           // blocks
  Index workspace_rows = 0;  // of all blocks that are at work at once
  int threads = 1;           // at most, where there are several blocks
};

// `rows` rows of `stride` logits.
inline RowBlocks cut_rows(Index rows, Index stride) {
  RowBlocks cut;
  cut.threads = rows < kFewRows ? 1 : num_threads();
  const Index max_rows =
      std::clamp(kBlockFloats / stride / kRowGrain * kRowGrain, kRowGrain, kMaxBlockRows);
  // Four blocks a thread even out what differs between them.
  cut.rows = std::min(max_rows, round_up(ceil_divide(rows, 4 * cut.threads), kRowGrain));
  if (rows < kFewRows * cut.threads) cut.rows = std::max<Index>(rows, 1);
  cut.count = ceil_divide(rows, cut.rows);
  // Never less for more rows: then a batch that is smaller than an earlier one finds enough
  // workspace.
  cut.workspace_rows = std::min(rows, cut.threads * std::max(max_rows, kFewRows));
  return cut;
}

}  // namespace gatewise
