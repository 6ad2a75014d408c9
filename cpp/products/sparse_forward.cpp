#include "products/sparse_forward.h"

#include <algorithm>

#include "kernels/sparse_rows.h"

namespace gatewise {
namespace {

// Cost of storing a row's outputs, in nonzeros.
constexpr Index kRowWork = 4;

Index work_of(const SparseRows& x, Index begin, Index end) {
  return kRowWork * (end - begin) + x.nonzeros(begin, end);
}

// Calls body(first, row_end) for the rows of [begin, end) whose work, counted from `begin`, starts
// in [from, to).
template <typename Body>
void rows_within(const SparseRows& x, Index begin, Index end, Index from, Index to,
                 const Body& body) {
  Index row = begin, work = 0;
  const auto next = [&] { work += kRowWork + x.end(row) - x.begin(row), ++row; };
  while (row < end && work < from) next();
  const Index first = row;
  while (row < end && work < to) next();
  if (first < row) body(first, row);
}

}  // namespace

void sparse_grouped_forward(const SparseRows& x, const Groups& groups,
                            const GroupedWeights& weights, const Epilogue& epilogue) {
  const Index panels = weights.first.shape.panels();
  const Index blocks = ceil_divide(panels, kSparsePanels);
  // Work units are ordered by group, then block of panels, then row; a unit is one nonzero by one
  // block.
  const Index units = work_of(x, 0, groups.total()) * blocks;
  const auto operations = static_cast<double>(kSparsePanels * kPanelWidth);
  parallel_for(units, operations, [&](Index begin, Index end) {
    Index start = 0;
    for (Index g = 0; g < groups.count && start < end; ++g) {
      const Index work = work_of(x, groups.begin(g), groups.end(g));
      if (start + work * blocks <= begin) {
        start += work * blocks;
        continue;
      }
      Epilogue own = epilogue;
      own.bias = weights.bias_at(g);
      for (Index block = 0; block < blocks && start < end; ++block, start += work) {
        const Index panel = block * kSparsePanels;
        rows_within(x, groups.begin(g), groups.end(g), begin - start, end - start,
                    [&](Index row, Index row_end) {
                      sparse_forward_product(x, row, row_end, weights.at(g), panel,
                                             std::min(panels, panel + kSparsePanels), own);
                    });
      }
    }
  });
}

}  // namespace gatewise
