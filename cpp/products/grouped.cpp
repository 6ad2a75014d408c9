#include "products/grouped.h"

#include <cassert>
#include <limits>

#include "products/forward_blocks.h"
#include "products/quantized.h"

namespace gatewise {
namespace {

// An update reads and writes about as much as this many rows of a batch cost in multiply-adds: a
// tile of 96 weights takes some 170 cycles in Adam, a row of it 6 (measured, AVX2).
constexpr Index kUpdateRows = 28;

constexpr Index kWhole = std::numeric_limits<Index>::max();

}  // namespace

GroupedWeights grouped_weights(const ParameterBlock& block, int kernel, int bias) {
  GroupedWeights weights;
  weights.first = block.panels(kernel);
  weights.distance = block.at(kernel).slice_floats();
  if (bias >= 0) {
    weights.bias = block.slice(bias);
    weights.bias_distance = block.at(bias).slice_floats();
  }
  weights.storage = block.at(kernel).storage;
  if (const int scale = block.at(kernel).scale; scale >= 0) {
    weights.scale = block.slice(scale);
    weights.scale_distance = block.at(scale).slice_floats();
  }
  return weights;
}

void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue) {
  assert(weights.storage == Storage::kFloat32);
  for_each_forward_block(
      x, groups, weights, epilogue,
      [&](Index g, Index row, Index row_end, Index panel, Index panel_end, const Epilogue& own) {
        if (x.is_sparse())
          sparse_forward_product(x.sparse, row, row_end, weights.at(g), panel, panel_end, own);
        else
          forward_product(x.dense, row, row_end, weights.at(g), panel, panel_end, own);
      });
}

void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue, Arena& arena) {
  if (weights.storage == Storage::kFloat32)
    grouped_forward(x, groups, weights, epilogue);
  else
    grouped_quantized_forward(x, groups, weights, epilogue, arena);
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

SliceUpdates begin_updates(const Groups& groups, int number, UpdateSink& sink, Arena& arena) {
  SliceUpdates updates;
  updates.targets = arena.take<UpdateTarget>(groups.count);
  Index* offsets = arena.take<Index>(groups.count + 1);
  offsets[0] = 0;
  for (Index g = 0; g < groups.count; ++g) {
    const bool updated = groups.rows(g) > 0 || sink.updates_resting();
    if (updated) updates.targets[g] = sink.begin(number, g);
    offsets[g + 1] = offsets[g] + (updated ? groups.rows(g) + kUpdateRows : 0);
  }
  updates.costs = {offsets, groups.count};
  return updates;
}

SparseColumns* sort_groups(const Input& x, const Groups& groups, Arena& arena) {
  SparseColumns* sorted = arena.take<SparseColumns>(groups.count);
  for (Index g = 0; g < groups.count; ++g) {
    Index entries = 0;
    for (Index i = groups.begin(g); i < groups.end(g); ++i)
      entries += x.sparse.end(i) - x.sparse.begin(i);
    sorted[g] = {arena.take<Index>(x.width + 2), arena.take<Index>(entries),
                 arena.take<float>(entries)};
  }
  const double cost = static_cast<double>(groups.total() * 8);
  parallel_for(groups.count, cost, [&](Index begin, Index end) {
    for (Index g = begin; g < end; ++g)
      sort_by_column(x.sparse, groups.begin(g), groups.end(g), x.width, sorted[g]);
  });
  return sorted;
}

}  // namespace

void grouped_weight_gradient(const Input& x, const float* d_y, Index d_y_stride,
                             const Groups& groups, const ParameterBlock& block, int kernel,
                             int bias, UpdateSink& sink, Arena& arena) {
  const SliceUpdates updates = begin_updates(groups, kernel, sink, arena);
  const SparseColumns* sorted = x.is_sparse() ? sort_groups(x, groups, arena) : nullptr;
  const PanelShape shape = block.at(kernel).shape;
  const Index tiles = ceil_divide(shape.rows, kGradientTileRows);
  const WorkSplit split(updates.costs, tiles * shape.panels(), kWhole);

  const auto update = [&](Index g, Index panel, Index tile, Index tile_end) {
    const Index begin = tile * kGradientTileRows;
    const Index end = std::min(tile_end * kGradientTileRows, shape.rows);
    const UpdateTarget& target = updates.targets[g];
    if (sorted)
      sparse_weight_gradient(sorted[g], d_y + groups.begin(g) * d_y_stride, d_y_stride, shape,
                             panel, begin, end, target);
    else
      weight_gradient(x.dense, d_y, d_y_stride, groups.begin(g), groups.end(g), shape, panel, begin,
                      end, target);
  };
  const double operations = static_cast<double>(kGradientTileRows * kPanelWidth);
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
  const SliceUpdates updates = begin_updates(groups, number, sink, arena);
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
