#include "products/grouped.h"

#include <cassert>
#include <limits>

#include "kernels/bfloat16_gradient.h"
#include "products/bfloat16.h"
#include "products/forward_blocks.h"
#include "products/quantized.h"
#include "products/sparse_columns.h"
#include "products/sparse_forward.h"
#include "products/thread_scratch.h"
#include "products/work_split.h"

namespace gatewise {
namespace {

constexpr Index kWhole = std::numeric_limits<Index>::max();

// Of `blocks` blocks of columns that are distributed alone: several together if the threads have
// work enough, because a tile takes several, and each call reads all rows. Multiples of the panels
// of every tile.
Index blocks_at_once(Index blocks, int threads) {
  if (threads == 1 || blocks >= 24 * threads) return 12;
  if (blocks >= 12 * threads) return 6;
  return blocks >= 6 * threads ? 3 : 1;
}

// Memory of the calling thread for `forward_product`, kept.
float* deep_scratch(PanelShape shape) {
  static thread_local AlignedBuffer memory;
  return kept_scratch(memory, forward_scratch(shape));
}

}  // namespace

double mean_depth(const Input& x, Index rows) {
  if (!x.is_sparse()) return static_cast<double>(x.width);
  return static_cast<double>(x.sparse.nonzeros(0, rows)) /
         static_cast<double>(std::max<Index>(rows, 1));
}

GroupedWeights grouped_weights(const ParameterBlock& block, int kernel, int bias) {
  GroupedWeights weights;
  weights.first = block.panels(kernel);
  weights.stride = block.at(kernel).slice_floats();
  if (bias >= 0) {
    weights.bias = block.slice(bias);
    weights.bias_stride = block.at(bias).slice_floats();
  }
  weights.storage = block.at(kernel).storage;
  if (weights.storage == Storage::kBfloat16) {
    weights.bfloat16 = reinterpret_cast<const std::uint16_t*>(weights.first.data);
    weights.bfloat16_stride = 2 * weights.stride;
  } else if (const std::uint16_t* copy = block.copy(block.at(kernel))) {
    weights.bfloat16 = copy;
    weights.bfloat16_stride = block.at(kernel).copy_values();
  }
  if (const int scale = block.at(kernel).scale; scale >= 0) {
    weights.scale = block.slice(scale);
    weights.scale_stride = block.at(scale).slice_floats();
  }
  if (const int scale = block.at(kernel).block_scale; scale >= 0) {
    weights.block_scale = reinterpret_cast<const std::uint8_t*>(block.slice(scale));
    weights.block_scale_stride = block.at(scale).slice_floats() * Index{sizeof(float)};
    weights.block_rows = block.at(kernel).block_rows;
  }
  return weights;
}

void multiply(const Input& x, Index rows, const GroupedWeights& weights, Index g,
              const Epilogue& epilogue) {
  if (weights.has_bfloat16_products(x))
    return bfloat16_multiply(x.dense, rows, weights, g, epilogue);
  const Index panels = weights.first.shape.panels();
  Epilogue own = epilogue;
  own.bias = weights.bias_at(g);
  if (x.is_sparse())
    sparse_forward_product(x.sparse, 0, rows, weights.at(g), 0, panels, own);
  else
    forward_product(x.dense, 0, rows, weights.at(g), 0, panels, own,
                    deep_scratch(weights.first.shape));
}

void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue) {
  assert(weights.storage == Storage::kFloat32);
  if (x.is_sparse()) return sparse_grouped_forward(x.sparse, groups, weights, epilogue);
  for_each_forward_block(
      x, groups, weights, epilogue,
      [&](Index g, Index row, Index row_end, Index panel, Index panel_end, const Epilogue& own) {
        forward_product(x.dense, row, row_end, weights.at(g), panel, panel_end, own,
                        deep_scratch(weights.first.shape));
      });
}

void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue, Arena& arena) {
  if (weights.has_bfloat16_products(x))
    grouped_bfloat16_forward(x, groups, weights, epilogue);
  else if (weights.storage == Storage::kFloat32)
    grouped_forward(x, groups, weights, epilogue);
  else
    grouped_quantized_forward(x, groups, weights, epilogue, arena);
}

void grouped_input_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                            const GroupedWeights& weights, const InputGradient& out, Arena& arena) {
  const GroupedGradientTerm term{d_y, d_y_stride, weights};
  grouped_input_gradient({&term, 1}, groups, out, arena);
}

void grouped_input_gradient(std::span<const GroupedGradientTerm> terms, const Groups& groups,
                            const InputGradient& out, Arena& arena) {
  assert(!terms.empty() && terms.size() <= kMaxGradientTerms);
  const PanelShape shape = terms.front().weights.first.shape;
  const auto count = static_cast<Index>(terms.size());
  const Index blocks = ceil_divide(shape.rows, kPanelWidth);
  const bool in_bfloat16 = terms.front().weights.bfloat16 != nullptr;
  const ThreadScratch scratch(
      in_bfloat16 ? bfloat16_gradient_scratch(shape) : input_gradient_scratch(shape, count), arena);
  const auto multiply = [&](Index g, Index block, Index block_end, Index row, Index row_end,
                            int thread) {
    const Index column = block * kPanelWidth;
    const Index column_end = std::min(block_end * kPanelWidth, shape.rows);
    if (in_bfloat16) {
      InputGradient own = out;
      for (const GroupedGradientTerm& term : terms) {
        bfloat16_input_gradient(term.d_y, term.d_y_stride, row, row_end,
                                term.weights.bfloat16_at(g), column, column_end, own,
                                scratch.of(thread));
        own.accumulate = true;
      }
    } else {
      GradientTerm own[kMaxGradientTerms];
      for (Index t = 0; t < count; ++t)
        own[t] = {terms[t].d_y, terms[t].d_y_stride, terms[t].weights.at(g)};
      input_gradient({own, terms.size()}, row, row_end, column, column_end, out,
                     scratch.of(thread));
    }
  };
  const double operations = static_cast<double>(count * shape.cols * kPanelWidth);
  if (out.target) {
    // Rows of several groups add to one row of d_x: only columns are split, groups run in order.
    const Index each = blocks_at_once(blocks, scratch.threads());
    const double rows = static_cast<double>(groups.total() * each);
    const auto run = [&](Index begin, Index end, int thread) {
      for (Index g = 0; g < groups.count; ++g)
        multiply(g, begin * each, std::min(end * each, blocks), groups.begin(g), groups.end(g),
                 thread);
    };
    return parallel_for(ceil_divide(blocks, each), operations * rows, run, scratch.threads());
  }
  if (groups.total() == 0) return;
  const double all = operations * static_cast<double>(blocks * groups.total());
  const BlockSplit split(groups, blocks, kBlockRows, scratch.threads(), all);
  const auto run = [&](Index begin, Index end, int thread) {
    split.run(begin, end, [&](Index g, Index block, Index block_end, Index row, Index row_end) {
      multiply(g, block, block_end, row, row_end, thread);
    });
  };
  parallel_for(split.units(), all / static_cast<double>(split.units()), run, scratch.threads(),
               kMaxBlockSlice);
}

namespace {

// The targets of the slices that are updated, and the cost of each slice as a row count.
struct SliceUpdates {
  UpdateTarget* targets;
  Groups costs;
};

// row_share: cost of a row relative to a dense row.
SliceUpdates begin_updates(const Groups& groups, int parameter, double row_share, UpdateSink& sink,
                           Arena& arena) {
  SliceUpdates updates;
  updates.targets = arena.take<UpdateTarget>(groups.count);
  Index* offsets = arena.take<Index>(groups.count + 1);
  offsets[0] = 0;
  for (Index g = 0; g < groups.count; ++g) {
    const bool updated = groups.rows(g) > 0 || sink.updates_inactive();
    if (updated) updates.targets[g] = sink.begin(parameter, g);
    const auto rows = static_cast<Index>(static_cast<double>(groups.rows(g)) * row_share);
    offsets[g + 1] = offsets[g] + (updated ? rows + kUpdateOperations : 0);
  }
  updates.costs = {offsets, groups.count};
  return updates;
}

}  // namespace

namespace {

// Computes work units [unit, unit_end) of a gradient from CSR rows. A unit is kGradientUnitRows
// rows of W by kSparsePanels panels.
void sparse_units(const SparseColumns& sorted, Index g, const float* d_y, Index d_y_stride,
                  PanelShape shape, Index unit, Index unit_end, const UpdateTarget& target) {
  const Index tiles = ceil_divide(shape.rows, kGradientUnitRows);
  while (unit < unit_end) {
    const Index panel = unit / tiles * kSparsePanels, tile = unit % tiles;
    const Index tile_end = std::min(tiles, tile + unit_end - unit);
    sparse_weight_gradient(sorted.begin(g), sorted.count(g), d_y, d_y_stride, shape, panel,
                           std::min(shape.panels(), panel + kSparsePanels),
                           tile * kGradientUnitRows,
                           std::min(tile_end * kGradientUnitRows, shape.rows), target);
    unit += tile_end - tile;
  }
}

}  // namespace

void grouped_weight_gradient(const Input& x, const float* d_y, Index d_y_stride,
                             const Groups& groups, const ParameterBlock& block, int kernel,
                             int bias, UpdateSink& sink, Arena& arena) {
  const double row_share = mean_depth(x, groups.total()) / static_cast<double>(x.width);
  const SliceUpdates updates = begin_updates(groups, kernel, row_share, sink, arena);
  const SparseColumns sorted = x.is_sparse() ? sort_groups(x, groups, arena) : SparseColumns{};
  const PanelShape shape = block.at(kernel).shape;
  const Index panels = x.is_sparse() ? kSparsePanels : 1;  // of one work unit
  const Index units =
      ceil_divide(shape.rows, kGradientUnitRows) * ceil_divide(shape.panels(), panels);
  const WorkSplit split(updates.costs, units, kWhole);
  const Products products =
      block.copy(block.at(kernel)) && !x.is_sparse() ? Products::kBfloat16 : Products::kFloat32;
  const ThreadScratch scratch(
      x.is_sparse() ? 0 : weight_gradient_scratch(shape, groups.total(), products), arena);
  const auto update = [&](Index g, Index unit, Index unit_end, int thread) {
    if (x.is_sparse())
      sparse_units(sorted, g, d_y + groups.begin(g) * d_y_stride, d_y_stride, shape, unit, unit_end,
                   updates.targets[g]);
    else
      weight_gradient(x.dense, d_y, d_y_stride, groups.begin(g), groups.end(g), shape, unit,
                      unit_end, updates.targets[g], scratch.of(thread), products);
  };
  const auto run = [&](Index begin, Index end, int thread) {
    split.run(begin, end, [&](Index g, Index unit, Index unit_end, Index, Index) {
      update(g, unit, unit_end, thread);
    });
  };
  const double operations = static_cast<double>(kGradientUnitRows * kPanelWidth * panels);
  parallel_for(split.units(), operations, run, scratch.threads(), kMaxBlockSlice);
  if (bias >= 0) grouped_bias_gradient(d_y, d_y_stride, groups, block, bias, sink, arena);
}

void grouped_bias_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                           const ParameterBlock& block, int parameter, UpdateSink& sink,
                           Arena& arena) {
  const SliceUpdates updates = begin_updates(groups, parameter, 1, sink, arena);
  const Index columns = block.at(parameter).shape.cols;
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
