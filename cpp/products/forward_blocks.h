// The work of a forward product over groups, shared out over the threads.
#pragma once

#include "products/work_split.h"

namespace gatewise {

// Rows of one block of work: a multiple of every level's tile (3, 6 and 12 rows).
inline constexpr Index kRowGrain = 12;

inline double mean_entries(const SparseRows& x, Index rows) {
  if (rows == 0) return 0;
  Index entries = 0;
  for (Index i = 0; i < rows; ++i) entries += x.end(i) - x.begin(i);
  return static_cast<double>(entries) / static_cast<double>(rows);
}

// Calls multiply(group, row, row_end, panel, panel_end, epilogue) for blocks that cover every row
// of every group and every panel of its weights once; `epilogue` then has the group's bias.
template <typename Multiply>
void for_each_forward_block(const Input& x, const Groups& groups, const GroupedWeights& weights,
                            const Epilogue& epilogue, const Multiply& multiply) {
  const WorkSplit split(groups, weights.first.shape.panels(), kRowGrain);
  const double depth = x.is_sparse() ? mean_entries(x.sparse, groups.total())
                                     : static_cast<double>(weights.first.shape.rows);
  parallel_for(split.units(), depth * kPanelWidth, [&](Index begin, Index end) {
    split.run(begin, end, [&](Index g, Index panel, Index panel_end, Index row, Index row_end) {
      Epilogue own = epilogue;
      own.bias = weights.bias_at(g);
      multiply(g, row, row_end, panel, panel_end, own);
    });
  });
}

}  // namespace gatewise
