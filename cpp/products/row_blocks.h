// Work on blocks of rows of one group, several products one after the other while a block lies in
// a thread's own cache.
#pragma once

#include "products/thread_scratch.h"
#include "products/work_split.h"

namespace gatewise {

// The most rows of a block whose rows have `width` floats between two products: they take up to
// 512 KB of the second cache, or more where that is fewer than 48 rows, too few for reading a panel
// of weights.
inline Index block_rows(Index width) {
  return std::clamp<Index>(131072 / std::max<Index>(width, 1) / kRowGrain * kRowGrain, 48, 480);
}

// The rows that several products in a row are made for: all rows of all groups, shared out over the
// threads product by product, or some rows of one group, on the calling thread.
class ProductRows {
 public:
  ProductRows(const Groups& groups, Arena& arena)
      : groups_(&groups), rows_(groups.total()), arena_(&arena) {}
  ProductRows(Index group, Index rows) : group_(group), rows_(rows) {}

  // As grouped_forward; rows of x and of the epilogue are numbered from 0.
  void multiply(const Input& x, const GroupedWeights& weights, const Epilogue& epilogue) const {
    if (groups_)
      grouped_forward(x, *groups_, weights, epilogue, *arena_);
    else
      gatewise::multiply(x, rows_, weights, group_, epilogue);
  }

  // body(begin, end) over ranges of rows; operations: of a row.
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

// Whether there are rows enough that threads share them out evenly and need not split columns.
inline bool works_by_row_blocks(const Groups& groups) {
  return groups.total() >= 128 * num_threads();
}

// Calls body(group, row, row_end, thread) for blocks of at most `block` rows. operations: of a row.
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
