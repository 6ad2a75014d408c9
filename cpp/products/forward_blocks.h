// Distributes the work of a forward product over groups over the threads.
#pragma once

#include "kernels/block_sizes.h"
#include "products/block_split.h"

namespace gatewise {

// Multiply-adds of a slice at most. A slice packs its rows, so it should be large; the caller looks
// for a signal after each.
inline constexpr double kMaxBlockSlice = 4e8;

// Calls multiply(group, row, row_end, panel, panel_end, epilogue) for blocks that cover each row of
// each group and each panel of its weights once; the `epilogue` passed on has the group's bias.
template <typename Multiply>
void for_each_forward_block(const Input& x, const Groups& groups, const GroupedWeights& weights,
                            const Epilogue& epilogue, const Multiply& multiply) {
  const Index panels = weights.first.shape.panels(), total = groups.total();
  if (total == 0 || panels == 0) return;
  const double operations =
      mean_depth(x, total) * static_cast<double>(kPanelWidth * panels * total);
  const BlockSplit split(groups, panels, kBlockRows, num_threads(), operations);
  parallel_for(
      split.units(), operations / static_cast<double>(split.units()),
      [&](Index begin, Index end) {
        split.run(begin, end, [&](Index g, Index panel, Index panel_end, Index row, Index row_end) {
          Epilogue own = epilogue;
          own.bias = weights.bias_at(g);
          multiply(g, row, row_end, panel, panel_end, own);
        });
      },
      kAllThreads, kMaxBlockSlice);
}

}  // namespace gatewise
