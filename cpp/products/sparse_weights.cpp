#include "products/sparse_weights.h"

#include "core/parallel.h"
#include "kernels/block_product.h"
#include "kernels/csr_product.h"
#include "kernels/transpose.h"
#include "products/thread_scratch.h"
#include "products/work_split.h"

namespace gatewise {
namespace {

// Cost of one lane of a step, in multiply-adds of 15 ps, the unit of `parallel_for` (Zen 5): csr
// with a single row, whose values are gathered; csr and blocks for each of many rows.
constexpr double kRowCost = 10, kColumnCost = 1.5, kBlockCost = 0.7;
// Cost of transposing one value.
constexpr double kTransposeCost = 5;

// If the columns of 32 rows exceed this many floats (512 KB), blocks have 16 rows: they stay in a
// cache of that size longer, and if they exceed it, both take about as long (Zen 5).
constexpr Index kColumnFloats = 128 * 1024;

// Up to this many rows are processed one by one: 16 together take the time of two and a half.
constexpr Index kFewRows = 2;

// CSR rows that are expanded to dense rows at a time, for the form `blocks`.
constexpr Index kDenseRows = 192;

// Mean lane count of a slice, 16 per step.
template <typename StorageIndex>
double mean_lanes(const SparseWeights<StorageIndex>& w) {
  return static_cast<double>(w.steps() * kPanelWidth) / static_cast<double>(w.slices());
}

// Copies rows [0, rows) of x to `to` [rows, stride], dense, padded with zeros.
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

template <typename StorageIndex>
void few_rows_csr(const Input& x, Index rows, const SparseWeights<StorageIndex>& w,
                  const Epilogue& epilogue, Arena& arena) {
  const Index stride = x.width + 1, slices = w.slices();
  float* copies = arena.take<float>(rows * stride);
  copy_rows(x, rows, copies, stride);
  parallel_for(rows * slices, kRowCost * mean_lanes(w), [&](Index begin, Index end) {
    for (Index row = begin / slices; row * slices < end; ++row)
      csr_product_row(copies + row * stride, w, std::max(begin - row * slices, Index{0}),
                      std::min(end - row * slices, slices), row, epilogue);
  });
}

// A transposed block of rows, [inputs + 1, lanes], for each thread. A thread transposes each block
// it needs, even if another thread has done so: reading what another thread just wrote is as slow.
class ThreadColumns {
 public:
  ThreadColumns(const Input& x, Index rows, Index lanes, int threads, Arena& arena)
      : x_(x), rows_(rows), lanes_(lanes), floats_(round_up((x.width + 1) * lanes, kPanelWidth)) {
    held_ = arena.take<Index>(threads);
    std::fill_n(held_, threads, Index{-1});
    // Columns are read in any order: with 4 KB pages that took 1.5 times as long (Zen 5, 256 KB).
    constexpr Index kHuge = static_cast<Index>(kHugeBlock / sizeof(float));
    const Index all = threads * floats_;
    data_ = arena.take<float>(all > kHuge / 32 ? std::max(all, kHuge) : all);
  }

  // The columns of rows [block * lanes, ...), transposed first if the thread holds another block.
  const float* of(int thread, Index block) const {
    float* columns = data_ + thread * floats_;
    if (held_[thread] == block) return columns;
    held_[thread] = block;
    const Index row = block * lanes_;
    if (x_.is_sparse())
      transpose_sparse_rows(x_.sparse, row, rows(block), x_.width, lanes(block), columns);
    else
      transpose_rows(x_.dense, row, rows(block), x_.width, lanes(block), columns);
    std::fill_n(columns + x_.width * lanes(block), lanes(block), 0.0f);
    return columns;
  }

  Index rows(Index block) const { return std::min(lanes_, rows_ - block * lanes_); }
  Index lanes(Index block) const { return round_up(rows(block), kPanelWidth); }

 private:
  const Input& x_;
  Index rows_, lanes_, floats_;
  Index* held_;  // the block that each thread holds, or -1
  float* data_;
};

// Work items are ordered by block of rows, then by window, so that a thread transposes few blocks
// and computes all units of most of its rows.
template <typename StorageIndex>
void many_rows_csr(const Input& x, Index rows, const SparseWeights<StorageIndex>& w,
                   const Epilogue& epilogue, Arena& arena) {
  const ThreadScratch scratch(kCsrScratch, arena);
  // Half blocks if there are fewer whole blocks than threads, or if whole ones are too large.
  const bool halves =
      ceil_divide(rows, kMaxLanes) < scratch.threads() || x.width * kMaxLanes > kColumnFloats;
  const Index lanes = halves ? kMaxLanes / 2 : kMaxLanes;
  const Index blocks = ceil_divide(rows, lanes), windows = w.windows();
  const ThreadColumns columns(x, rows, lanes, scratch.threads(), arena);
  const auto multiply = [&](Index begin, Index end, int thread) {
    for (Index item = begin; item < end; ++item) {
      const Index block = item / windows;
      csr_product(columns.of(thread, block), columns.lanes(block), block * lanes,
                  columns.rows(block), w, item % windows, epilogue, scratch.of(thread));
    }
  };
  const double share = static_cast<double>(lanes) / static_cast<double>(windows);
  const double nonzeros = static_cast<double>(w.steps() * kPanelWidth);
  const double operations = share * (kColumnCost * nonzeros + kTransposeCost * x.width);
  parallel_for(blocks * windows, operations, multiply, scratch.threads());
}

template <typename StorageIndex>
void rows_by_blocks(const Rows& x, Index row, Index rows, const SparseWeights<StorageIndex>& w,
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

template <typename StorageIndex>
void forward_by_blocks(const Input& x, Index rows, const SparseWeights<StorageIndex>& w,
                       const Epilogue& epilogue, Arena& arena) {
  if (!x.is_sparse()) return rows_by_blocks(x.dense, 0, rows, w, epilogue, arena);
  float* dense = arena.take<float>(std::min(rows, kDenseRows) * x.width);
  for (Index row = 0; row < rows; row += kDenseRows) {
    const Index count = std::min(kDenseRows, rows - row);
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
      few_rows_csr(x, rows, w, epilogue, arena);
    else
      many_rows_csr(x, rows, w, epilogue, arena);
  });
}

}  // namespace gatewise
