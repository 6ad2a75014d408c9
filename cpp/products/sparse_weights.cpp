#include "products/sparse_weights.h"

#include "core/parallel.h"
#include "kernels/block_product.h"
#include "kernels/entry_product.h"
#include "kernels/transpose.h"
#include "products/thread_scratch.h"
#include "products/work_split.h"

namespace gatewise {
namespace {

// What a lane of a step costs, in multiply-adds of a dense product (Zen 5): for one row by itself,
// whose value is gathered, and for each of many rows.
constexpr double kRowCost = 10, kColumnCost = 1.5, kBlockCost = 1.5;
// What copying a value to its column costs.
constexpr double kTurnCost = 5;

// So many rows or fewer are taken one by one: 16 together take the time of two and a half.
constexpr Index kFewRows = 2;

// Inputs that are turned to columns at once.
constexpr Index kStrip = 64;

// CSR rows that are spread out at once for blocks.
constexpr Index kSpreadRows = 192;

// Mean lanes of a slice.
template <typename Place>
double mean_lanes(const SparseWeights<Place>& w) {
  return static_cast<double>(w.steps() * kPanelWidth) / static_cast<double>(w.slices());
}

// Copies of rows, dense, `stride` floats apart, with zeros behind each.
void copy_rows(const Input& x, Index rows, float* to, Index stride) {
  std::fill_n(to, rows * stride, 0.0f);
  for (Index i = 0; i < rows; ++i) {
    float* row = to + i * stride;
    if (!x.is_sparse())
      std::copy_n(x.dense.row(i), x.width, row);
    else
      for (Index at = x.sparse.begin(i); at < x.sparse.end(i); ++at)
        row[x.sparse.columns[at]] = x.sparse.values[at];
  }
}

template <typename Place>
void few_rows_by_entries(const Input& x, Index rows, const SparseWeights<Place>& w,
                         const Epilogue& epilogue, Arena& arena) {
  const Index stride = x.width + 1, slices = w.slices();
  float* copies = arena.take<float>(rows * stride);
  copy_rows(x, rows, copies, stride);
  parallel_for(rows * slices, kRowCost * mean_lanes(w), [&](Index begin, Index end) {
    for (Index row = begin / slices; row * slices < end; ++row)
      entry_product_row(copies + row * stride, w, std::max(begin - row * slices, Index{0}),
                        std::min(end - row * slices, slices), row, epilogue);
  });
}

// Room for columns, which are read in any order: on pages of 4 KB that took half as long again (Zen
// 5, 256 KB).
float* take_columns(Index floats, Arena& arena) {
  constexpr Index kHuge = static_cast<Index>(kHugeBlock / sizeof(float));
  return arena.take<float>(floats > kHuge / 32 ? std::max(floats, kHuge) : floats);
}

// Inputs of strip number `strip` of rows as columns [inputs + 1, lanes]; CSR rows are one strip.
void turn_strip(const Input& x, Index row, Index rows, Index strip, Index lanes, float* columns) {
  if (x.is_sparse())
    spread_rows(x.sparse, row, rows, x.width, lanes, columns);
  else
    turn_rows(x.dense, row, rows, strip * kStrip, std::min((strip + 1) * kStrip, x.width), lanes,
              columns);
  if (strip == 0) std::fill_n(columns + x.width * lanes, lanes, 0.0f);
}

// Blocks of rows, one for each thread at a time: all are turned to columns, then multiplied window
// by window, each mostly by the thread that turned it.
template <typename Place>
void many_rows_by_entries(const Input& x, Index rows, const SparseWeights<Place>& w,
                          const Epilogue& epilogue, Arena& arena) {
  const Index windows = w.windows();
  // Half blocks where whole ones would leave threads without work.
  const bool halves = ceil_divide(rows, kMostLanes) * windows < num_threads();
  const Index most = halves ? kMostLanes / 2 : kMostLanes;
  const Index blocks = ceil_divide(rows, most), together = std::min<Index>(blocks, num_threads());
  const auto rows_of = [&](Index block) { return std::min(most, rows - block * most); };
  const auto lanes_of = [&](Index block) { return round_up(rows_of(block), kPanelWidth); };
  const Index floats = (x.width + 1) * most;
  float* columns = take_columns(together * floats, arena);
  const ThreadScratch scratch(kEntryScratch, arena);
  const Index strips = x.is_sparse() ? 1 : ceil_divide(x.width, kStrip);
  for (Index first = 0; first < blocks; first += together) {
    const Index count = std::min(together, blocks - first);
    const double lanes = static_cast<double>(lanes_of(first));
    const double values = lanes * static_cast<double>(x.width) / static_cast<double>(strips);
    parallel_for(count * strips, kTurnCost * values, [&](Index begin, Index end) {
      for (Index item = begin; item < end; ++item) {
        const Index place = item / strips, block = first + place;
        turn_strip(x, block * most, rows_of(block), item % strips, lanes_of(block),
                   columns + place * floats);
      }
    });
    const auto multiply = [&](Index begin, Index end, int thread) {
      for (Index item = begin; item < end; ++item) {
        const Index place = item / windows, block = first + place;
        entry_product(columns + place * floats, lanes_of(block), block * most, rows_of(block), w,
                      item % windows, epilogue, scratch.of(thread));
      }
    };
    const double slices = static_cast<double>(w.slices()) / static_cast<double>(windows);
    parallel_for(count * windows, kColumnCost * lanes * slices * mean_lanes(w), multiply,
                 scratch.threads());
  }
}

template <typename Place>
void rows_by_blocks(const Rows& x, Index row, Index rows, const SparseWeights<Place>& w,
                    const Epilogue& epilogue, Arena& arena) {
  Epilogue own = epilogue;
  own.y += row * own.y_stride;
  const Groups groups = all_rows(rows, arena);
  const WorkSplit split(groups, w.slices(), kRowGrain);
  parallel_for(split.units(), kBlockCost * mean_lanes(w), [&](Index begin, Index end) {
    split.run(begin, end, [&](Index, Index slice, Index slice_end, Index from, Index to) {
      block_product(x, from, to, w, slice, slice_end, own);
    });
  });
}

template <typename Place>
void forward_by_blocks(const Input& x, Index rows, const SparseWeights<Place>& w,
                       const Epilogue& epilogue, Arena& arena) {
  if (!x.is_sparse()) return rows_by_blocks(x.dense, 0, rows, w, epilogue, arena);
  float* dense = arena.take<float>(std::min(rows, kSpreadRows) * x.width);
  for (Index row = 0; row < rows; row += kSpreadRows) {
    const Index count = std::min(kSpreadRows, rows - row);
    copy_rows(x.from(row), count, dense, x.width);
    rows_by_blocks({dense, x.width}, row, count, w, epilogue, arena);
  }
}

}  // namespace

void sparse_weights_forward(const Input& x, Index rows, const ParameterBlock& block, int kernel,
                            const Epilogue& epilogue, Arena& arena) {
  with_sparse_weights(block, block.at(kernel), [&](const auto& w) {
    if (w.form == SparseForm::kBlocks)
      forward_by_blocks(x, rows, w, epilogue, arena);
    else if (rows <= kFewRows)
      few_rows_by_entries(x, rows, w, epilogue, arena);
    else
      many_rows_by_entries(x, rows, w, epilogue, arena);
  });
}

}  // namespace gatewise
