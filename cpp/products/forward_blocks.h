// Distributes the work of a forward product over groups over the threads.
#pragma once

#include "products/work_split.h"

namespace gatewise {

// Calls multiply(group, row, row_end, panel, panel_end, epilogue) for blocks that cover each row of
// each group and each panel of its weights once; the `epilogue` passed on has the group's bias.
template <typename Multiply>
void for_each_forward_block(const Input& x, const Groups& groups, const GroupedWeights& weights,
                            const Epilogue& epilogue, const Multiply& multiply) {
  const WorkSplit split(groups, weights.first.shape.panels(), kRowGrain);
  parallel_for(
      split.units(), mean_depth(x, groups.total()) * kPanelWidth, [&](Index begin, Index end) {
        split.run(begin, end, [&](Index g, Index panel, Index panel_end, Index row, Index row_end) {
          Epilogue own = epilogue;
          own.bias = weights.bias_at(g);
          multiply(g, row, row_end, panel, panel_end, own);
        });
      });
}

}  // namespace gatewise
