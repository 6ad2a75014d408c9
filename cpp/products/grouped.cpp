#include "products/grouped.h"

#include <limits>

#include "products/thread_scratch.h"
#include "products/work_split.h"

namespace gatewise {
namespace {

// An update reads and writes about as much as this many rows of a batch cost in multiply-adds: a
// tile of 96 weights takes some 170 cycles in Adam, a row of it 6 (measured, AVX2).
constexpr Index kUpdateRows = 28;

constexpr Index kWhole = std::numeric_limits<Index>::max();

double mean_entries(const SparseRows& x, Index rows) {
  if (rows == 0) return 0;
  Index entries = 0;
  for (Index i = 0; i < rows; ++i) entries += x.end(i) - x.begin(i);
  return static_cast<double>(entries) / static_cast<double>(rows);
}

// Part of a product: these rows by the columns of these panels.
void multiply_block(const Input& x, Index row, Index row_end, const GroupedWeights& weights,
                    Index g, Index panel, Index panel_end, Epilogue epilogue) {
  epilogue.bias = weights.bias_at(g);
  if (x.is_sparse())
    sparse_forward_product(x.sparse, row, row_end, weights.at(g), panel, panel_end, epilogue);
  else
    forward_product(x.dense, row, row_end, weights.at(g), panel, panel_end, epilogue);
}

}  // namespace

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

void multiply(const Input& x, Index rows, const GroupedWeights& weights, Index g,
              const Epilogue& epilogue) {
  multiply_block(x, 0, rows, weights, g, 0, weights.first.shape.panels(), epilogue);
}

void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue) {
  const WorkSplit split(groups, weights.first.shape.panels(), kRowGrain);
  const double depth = x.is_sparse() ? mean_entries(x.sparse, groups.total())
                                     : static_cast<double>(weights.first.shape.rows);
  parallel_for(split.units(), depth * kPanelWidth, [&](Index begin, Index end) {
    split.run(begin, end, [&](Index g, Index panel, Index panel_end, Index row, Index row_end) {
      multiply_block(x, row, row_end, weights, g, panel, panel_end, epilogue);
    });
  });
}

void grouped_input_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                            const GroupedWeights& weights, const InputGradient& out, Arena& arena) {
  const PanelShape shape = weights.first.shape;
  const Index blocks = ceil_divide(shape.rows, kPanelWidth);
  const ThreadScratch scratch(input_gradient_scratch(shape), arena);
  const auto multiply = [&](Index g, Index block, Index block_end, Index row, Index row_end,
                            int thread) {
    input_gradient(d_y, d_y_stride, row, row_end, weights.at(g), block * kPanelWidth,
                   std::min(block_end * kPanelWidth, shape.rows), out, scratch.of(thread));
  };
  const double operations = static_cast<double>(shape.cols * kPanelWidth);
  if (out.target) {
    // Rows of several groups meet in one row of d_x: split columns alone, groups in order.
    const double rows = static_cast<double>(groups.total());
    const auto run = [&](Index begin, Index end, int thread) {
      for (Index g = 0; g < groups.count; ++g)
        multiply(g, begin, end, groups.begin(g), groups.end(g), thread);
    };
    return parallel_for(blocks, operations * rows, run, scratch.threads());
  }
  const WorkSplit split(groups, blocks, kRowGrain);
  const auto run = [&](Index begin, Index end, int thread) {
    split.run(begin, end, [&](Index g, Index block, Index block_end, Index row, Index row_end) {
      multiply(g, block, block_end, row, row_end, thread);
    });
  };
  parallel_for(split.units(), operations, run, scratch.threads());
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
  const WorkSplit split(updates.costs, gradient_units(shape), kWhole);
  const ThreadScratch scratch(weight_gradient_scratch(shape, groups.total()), arena);
  const auto update = [&](Index g, Index unit, Index unit_end, int thread) {
    if (sorted)
      sparse_weight_gradient(sorted[g], d_y + groups.begin(g) * d_y_stride, d_y_stride, shape, unit,
                             unit_end, updates.targets[g]);
    else
      weight_gradient(x.dense, d_y, d_y_stride, groups.begin(g), groups.end(g), shape, unit,
                      unit_end, updates.targets[g], scratch.of(thread));
  };
  const auto run = [&](Index begin, Index end, int thread) {
    split.run(begin, end, [&](Index g, Index unit, Index unit_end, Index, Index) {
      update(g, unit, unit_end, thread);
    });
  };
  const double operations = static_cast<double>(kGradientUnitRows * kPanelWidth);
  parallel_for(split.units(), operations, run, scratch.threads());
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
