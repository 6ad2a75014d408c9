// Blocks of rows of one group: several products run in succession on a block while it is in the
// cache of its thread.
#pragma once

#include "products/forward_blocks.h"
#include "products/quantized.h"
#include "products/thread_scratch.h"

namespace gatewise {

// Maximum rows of a block whose rows have `width` floats between two products: up to 512 KB of the
// L2 cache, but enough that weights are not read too often.
inline Index block_rows(Index width) {
  return std::clamp<Index>(131072 / std::max<Index>(width, 1) / kRowGrain * kRowGrain, kBlockRows,
                           480);
}

// The rows of several successive products: either all rows of all groups, each product distributed
// over the threads, or some rows of one group on the calling thread.
class ProductRows {
 public:
  ProductRows(const Groups& groups, Arena& arena)
      : groups_(&groups), rows_(groups.total()), arena_(&arena) {}
  // rounded: memory for rows that int8 and int4 weights need rounded; null for others.
  ProductRows(Index group, Index rows, RoundedRows* rounded)
      : group_(group), rows_(rows), rounded_(rounded) {}

  // As grouped_forward; row indices of x and of the epilogue start at 0.
  void multiply(const Input& x, const GroupedWeights& weights, const Epilogue& epilogue) const {
    if (groups_)
      grouped_forward(x, *groups_, weights, epilogue, *arena_);
    else if (rounded_)
      quantized_multiply(x.dense, rows_, weights, group_, epilogue, *rounded_);
    else
      gatewise::multiply(x, rows_, weights, group_, epilogue);
  }

  // Calls body(begin, end) over ranges of rows. operations: multiply-adds per row.
  template <typename Body>
  void for_rows(double operations, const Body& body) const {
    if (groups_)
      parallel_for(rows_, operations, body);
    else
      body(Index{0}, rows_);
  }

 private:
  const Groups* groups_ = nullptr;
  Index group_ = 0;
  Index rows_;
  Arena* arena_ = nullptr;
  RoundedRows* rounded_ = nullptr;
};

// True if there are enough blocks of rows to distribute evenly over the threads without splitting
// columns.
inline bool works_by_row_blocks(const Groups& groups) {
  const int threads = num_threads();
  return groups.total() >= 128 * threads &&
         BlockSplit(groups, 1, kBlockRows, 1, 0).units() >= 4 * threads;
}

// Calls body(group, row, row_end, thread) for blocks of at most `block` rows. operations:
// multiply-adds per row.
template <typename Body>
void for_row_blocks(const Groups& groups, Index block, double operations,
                    const ThreadScratch& scratch, const Body& body) {
  const double all = operations * static_cast<double>(groups.total());
  const BlockSplit split(groups, 1, block, scratch.threads(), all);
  const auto run = [&](Index begin, Index end, int thread) {
    split.run(begin, end, [&](Index g, Index, Index, Index row, Index row_end) {
      body(g, row, row_end, thread);
    });
  };
  const auto units = static_cast<double>(std::max<Index>(split.units(), 1));
  parallel_for(split.units(), all / units, run, scratch.threads(), kMaxBlockSlice);
}

}  // namespace gatewise
