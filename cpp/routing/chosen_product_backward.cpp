#include "routing/chosen_product_backward.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/chosen_columns.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Threads split the columns of x, so each transposes only the weights it reads.
void add_input_gradient(const Choice& choice, const Index* counts, const float* d_chosen,
                        const Panels& w, RowGradient d_x, Arena& arena) {
  const Index tiles = ceil_divide(w.shape.rows, kTransposedRows);
  const ThreadScratch scratch(w.shape.cols * kTransposedRows, arena);
  const auto add = [&](Index begin, Index end, int thread) {
    float* transposed = scratch.of(thread);
    for (Index tile = begin; tile < end; ++tile) {
      const Index column = tile * kTransposedRows;
      const Index columns = std::min(kTransposedRows, w.shape.rows - column);
      transpose_columns(w, column, counts, transposed);
      for (Index i = 0; i < choice.rows; ++i) {
        const Index assignment = choice.offsets[i];
        add_chosen_columns(transposed, choice.experts + assignment, d_chosen + assignment,
                           choice.offsets[i + 1] - assignment, d_x.d_x + i * d_x.stride + column,
                           columns);
      }
    }
  };
  const auto values =
      static_cast<double>((choice.num_assignments() + w.shape.cols) * kTransposedRows);
  parallel_for(tiles, values, add, scratch.threads());
}

// Updates kChosenRows rows of one panel from row `begin`; d [assignments] are the gradients of the
// chosen logits.
void update_tile(const Rows& x, const Dispatch& dispatch, const float* d, PanelShape shape,
                 Index panel, Index begin, const UpdateTarget& target) {
  const Index stride = shape.stride(panel), rows = std::min(kChosenRows, shape.rows - begin);
  alignas(64) float g[kChosenRows * kPanelWidth];
  std::fill_n(g, rows * stride, 0.0f);
  for (Index lane = 0; lane < shape.width(panel); ++lane) {
    const Index expert = panel * kPanelWidth + lane, first = dispatch.groups.begin(expert);
    const ColumnNonzeros assignments{dispatch.row_of + first, dispatch.assignment_of + first,
                                     dispatch.groups.rows(expert)};
    if (assignments.count > 0)
      chosen_gradient(x, shape.rows, begin, assignments, d, g + lane, stride);
  }
  apply_update(target, shape.offset(panel) + begin * stride, g, rows * stride);
}

}  // namespace

void chosen_product_backward(const Input& x, const Choice& choice, const Dispatch& dispatch,
                             const float* d_chosen, const ParameterBlock& block, int kernel,
                             RowGradient d_x, UpdateSink* sink, Arena& arena) {
  const Panels w = block.panels(kernel);
  if (d_x.d_x) {
    Index* counts = arena.take<Index>(w.shape.cols);
    for (Index e = 0; e < w.shape.cols; ++e) counts[e] = dispatch.groups.rows(e);
    add_input_gradient(choice, counts, d_chosen, w, d_x, arena);
  }
  if (!sink) return;
  const UpdateTarget target = sink->begin(kernel, 0);
  // Panels are the inner index, so that experts with many rows are spread over all threads.
  const Index panels = w.shape.panels(), tiles = ceil_divide(w.shape.rows, kChosenRows);
  const Index operations = choice.num_assignments() / panels + kPanelWidth * kUpdateOperations;
  parallel_for(tiles * panels, static_cast<double>(operations * kChosenRows),
               [&](Index begin, Index end) {
                 for (Index unit = begin; unit < end; ++unit)
                   update_tile(x.dense, dispatch, d_chosen, w.shape, unit % panels,
                               unit / panels * kChosenRows, target);
               });
}

}  // namespace gatewise
