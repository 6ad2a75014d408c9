#include "products/grouped.h"

#include <limits>

#include "products/sparse_columns.h"
#include "products/sparse_forward.h"
#include "products/work_split.h"

namespace gatewise {
namespace {

// An update reads and writes about as much as this many rows of a batch cost in multiply-adds: a
// tile of 96 weights takes some 170 cycles in Adam, a row of it 6 (measured, AVX2).
constexpr Index kUpdateRows = 28;

constexpr Index kWhole = std::numeric_limits<Index>::max();

}  // namespace

double mean_depth(const Input& x, Index rows) {
  if (!x.is_sparse()) return static_cast<double>(x.width);
  Index entries = 0;
  for (Index i = 0; i < rows; ++i) entries += x.sparse.end(i) - x.sparse.begin(i);
  return static_cast<double>(entries) / static_cast<double>(std::max<Index>(rows, 1));
}

GroupedWeights grouped_weights(const ParameterBlock& block, int kernel, int bias) {
  GroupedWeights weights;
  weights.first = block.panels(kernel);
  weights.distance = block.at(kernel).slice_floats();
  if (bias >= 0) {
    weights.bias = block.slice(bias);
    weights.bias_distance = block.at(bias).slice_floats();
  }
  return weights;
}

void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     Epilogue epilogue) {
  if (x.is_sparse()) return sparse_grouped_forward(x.sparse, groups, weights, epilogue);
  const WorkSplit split(groups, weights.first.shape.panels(), kRowGrain);
  const auto depth = static_cast<double>(weights.first.shape.rows);
  parallel_for(split.units(), depth * kPanelWidth, [&](Index begin, Index end) {
    split.run(begin, end, [&](Index g, Index panel, Index panel_end, Index row, Index row_end) {
      Epilogue own = epilogue;
      own.bias = weights.bias_at(g);
      forward_product(x.dense, row, row_end, weights.at(g), panel, panel_end, own);
    });
  });
}

void grouped_input_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                            const GroupedWeights& weights, const InputGradient& out) {
  const PanelShape shape = weights.first.shape;
  const Index blocks = ceil_divide(shape.rows, kPanelWidth);
  const auto multiply = [&](Index g, Index block, Index block_end, Index row, Index row_end) {
    input_gradient(d_y, d_y_stride, row, row_end, weights.at(g), block * kPanelWidth,
                   std::min(block_end * kPanelWidth, shape.rows), out);
  };
  const double operations = static_cast<double>(shape.cols * kPanelWidth);
  if (out.target) {
    // Rows of several groups meet in one row of d_x: split columns alone, groups in order.
    const double rows = static_cast<double>(groups.total());
    parallel_for(blocks, operations * rows, [&](Index begin, Index end) {
      for (Index g = 0; g < groups.count; ++g)
        multiply(g, begin, end, groups.begin(g), groups.end(g));
    });
    return;
  }
  const WorkSplit split(groups, blocks, kRowGrain);
  parallel_for(split.units(), operations,
               [&](Index begin, Index end) { split.run(begin, end, multiply); });
}

namespace {

// The targets of every slice that gets an update, and the cost of each slice as a row count.
struct SliceUpdates {
  UpdateTarget* targets;
  Groups costs;
};

// `row_share`: what a row costs, where 1 is a dense one.
SliceUpdates begin_updates(const Groups& groups, int number, double row_share, UpdateSink& sink,
                           Arena& arena) {
  SliceUpdates updates;
  updates.targets = arena.take<UpdateTarget>(groups.count);
  Index* offsets = arena.take<Index>(groups.count + 1);
  offsets[0] = 0;
  for (Index g = 0; g < groups.count; ++g) {
    const bool updated = groups.rows(g) > 0 || sink.updates_resting();
    if (updated) updates.targets[g] = sink.begin(number, g);
    const auto rows = static_cast<Index>(static_cast<double>(groups.rows(g)) * row_share);
    offsets[g + 1] = offsets[g] + (updated ? rows + kUpdateRows : 0);
  }
  updates.costs = {offsets, groups.count};
  return updates;
}

}  // namespace

void grouped_weight_gradient(const Input& x, const float* d_y, Index d_y_stride,
                             const Groups& groups, const ParameterBlock& block, int kernel,
                             int bias, UpdateSink& sink, Arena& arena) {
  const double row_share = mean_depth(x, groups.total()) / static_cast<double>(x.width);
  const SliceUpdates updates = begin_updates(groups, kernel, row_share, sink, arena);
  const SparseColumns sorted = x.is_sparse() ? sort_groups(x, groups, arena) : SparseColumns{};
  const PanelShape shape = block.at(kernel).shape;
  const Index tiles = ceil_divide(shape.rows, kGradientTileRows);
  const Index panels = x.is_sparse() ? kSparsePanels : 1;  // of one unit of work
  const WorkSplit split(updates.costs, tiles * ceil_divide(shape.panels(), panels), kWhole);

  const auto update = [&](Index g, Index panel, Index tile, Index tile_end) {
    const Index begin = tile * kGradientTileRows;
    const Index end = std::min(tile_end * kGradientTileRows, shape.rows);
    const UpdateTarget& target = updates.targets[g];
    if (x.is_sparse())
      sparse_weight_gradient(sorted.begin(g), sorted.count(g), d_y + groups.begin(g) * d_y_stride,
                             d_y_stride, shape, panel * panels,
                             std::min(shape.panels(), (panel + 1) * panels), begin, end, target);
    else
      weight_gradient(x.dense, d_y, d_y_stride, groups.begin(g), groups.end(g), shape, panel, begin,
                      end, target);
  };
  const double operations = static_cast<double>(kGradientTileRows * kPanelWidth * panels);
  parallel_for(split.units(), operations, [&](Index begin, Index end) {
    split.run(begin, end, [&](Index g, Index unit, Index unit_end, Index, Index) {
      for (Index at = unit; at < unit_end;) {
        const Index panel = at / tiles, tile = at % tiles;
        const Index tile_end = std::min(tiles, tile + unit_end - at);
        update(g, panel, tile, tile_end);
        at += tile_end - tile;
      }
    });
  });
  if (bias >= 0) grouped_bias_gradient(d_y, d_y_stride, groups, block, bias, sink, arena);
}

void grouped_bias_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                           const ParameterBlock& block, int number, UpdateSink& sink,
                           Arena& arena) {
  const SliceUpdates updates = begin_updates(groups, number, 1, sink, arena);
  const Index columns = block.at(number).shape.cols;
  const Index blocks = ceil_divide(columns, kPanelWidth);
  const WorkSplit split(updates.costs, blocks, kWhole);
  parallel_for(split.units(), kPanelWidth, [&](Index begin, Index end) {
    split.run(begin, end, [&](Index g, Index unit, Index unit_end, Index, Index) {
      bias_gradient(d_y, d_y_stride, groups.begin(g), groups.end(g), unit * kPanelWidth,
                    std::min(unit_end * kPanelWidth, columns), updates.targets[g]);
    });
  });
}

}  // namespace gatewise
