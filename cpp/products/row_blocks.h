// Blocks of rows of one group: several products run in succession on a block while it is in the
// cache of its thread.
#pragma once

#include "products/thread_scratch.h"
#include "products/work_split.h"

namespace gatewise {

// Maximum rows of a block whose rows have `width` floats between two products: up to 512 KB of the
// L2 cache, but at least 48 rows, since fewer are not worth reading a panel of weights.
inline Index block_rows(Index width) {
  return std::clamp<Index>(131072 / std::max<Index>(width, 1) / kRowGrain * kRowGrain, 48, 480);
}

// The rows of several successive products: either all rows of all groups, each product distributed
// over the threads, or some rows of one group on the calling thread.
class ProductRows {
 public:
  ProductRows(const Groups& groups, Arena& arena)
      : groups_(&groups), rows_(groups.total()), arena_(&arena) {}
  ProductRows(Index group, Index rows) : group_(group), rows_(rows) {}

  // As grouped_forward; row indices of x and of the epilogue start at 0.
  void multiply(const Input& x, const GroupedWeights& weights, const Epilogue& epilogue) const {
    if (groups_)
      grouped_forward(x, *groups_, weights, epilogue, *arena_);
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
};

// True if there are enough rows to distribute evenly over the threads without splitting columns.
inline bool works_by_row_blocks(const Groups& groups) {
  return groups.total() >= 128 * num_threads();
}

// Calls body(group, row, row_end, thread) for blocks of at most `block` rows. operations:
// multiply-adds per row.
template <typename Body>
void for_row_blocks(const Groups& groups, Index block, double operations,
                    const ThreadScratch& scratch, const Body& body) {
  const WorkSplit split(groups, 1, kRowGrain);
  const auto run = [&](Index begin, Index end, int thread) {
    split.run(begin, end, [&](Index g, Index, Index, Index row, Index row_end) {
      for (; row < row_end; row += block) body(g, row, std::min(row_end, row + block), thread);
    });
  };
  parallel_for(split.units(), operations, run, scratch.threads());
}

}  // namespace gatewise
