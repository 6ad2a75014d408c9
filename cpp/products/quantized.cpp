#include "products/quantized.h"

#include <algorithm>
#include <utility>

#include "kernels/int4_panels.h"
#include "products/forward_blocks.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// The distinct rows that x reads: row i of x is distinct row slot[i]. If x has no index, slot is
// null and row i is distinct row i.
struct DistinctRows {
  Input rows;
  Index count = 0;
  Index* slot = nullptr;
};

DistinctRows distinct_rows(const Input& x, Index rows, Arena& arena) {
  const Index* index = x.index();
  if (!index) return {x, rows, nullptr};
  Index* unique_rows = arena.take<Index>(rows);
  Index* slot = arena.take<Index>(rows);
  std::copy_n(index, rows, unique_rows);
  std::sort(unique_rows, unique_rows + rows);
  Index* end = std::unique(unique_rows, unique_rows + rows);
  for (Index i = 0; i < rows; ++i)
    slot[i] = std::lower_bound(unique_rows, end, index[i]) - unique_rows;
  return {x.at(unique_rows), end - unique_rows, slot};
}

// Rounds a row, with `values` as scratch; returns its correction.
std::int32_t round_row(const float* x, Index width, Int8Unit unit, float& scale,
                       std::int8_t* values, std::byte* row) {
  scale = int8_scale(x, width);
  to_int8(x, width, scale, values);
  return store_int8_row(values, width, unit, row);
}

// Floats that hold as many bytes.
Index floats_of(Index bytes) {
  return round_up(ceil_divide(bytes, static_cast<Index>(sizeof(float))), kPanelWidth);
}

// Copies of the rows [0, count) in their order, which tiles need.
Int8Rows in_order(const Int8Rows& x, Index count, Index width, Arena& arena) {
  auto* rows = arena.take<std::byte>(int8_rows_bytes(count, width, x.unit));
  auto* corrections = arena.take<std::int32_t>(count);
  float* scales = arena.take<float>(count);
  parallel_for(count, static_cast<double>(width) / 8, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      std::copy_n(x.row(i), x.stride, rows + i * x.stride);
      corrections[i] = x.corrections[x.slot_of(i)];
      scales[i] = x.scales[x.slot_of(i)];
    }
  });
  return {x.unit, rows, x.stride, corrections, scales, nullptr};
}

bool has_rows_for_tiles(const Groups& groups) {
  for (Index g = 0; g < groups.count; ++g)
    if (groups.rows(g) >= kMinRowsOfTiles) return true;
  return false;
}

Int8Rows round_dense(const DistinctRows& distinct, const Groups& groups, Arena& arena) {
  const Input& x = distinct.rows;
  const Int8Unit unit = best_int8_unit();
  Int8Rows result{.unit = unit, .stride = int8_row_bytes(x.width, unit), .slot = distinct.slot};
  auto* rows = arena.take<std::byte>(int8_rows_bytes(distinct.count, x.width, unit));
  auto* corrections = arena.take<std::int32_t>(distinct.count);
  float* scales = arena.take<float>(distinct.count);
  const ThreadScratch scratch(floats_of(x.width), arena);
  // Rounding a value costs a division and some ten simpler operations.
  parallel_for(
      distinct.count, static_cast<double>(2 * x.width),
      [&](Index begin, Index end, int thread) {
        auto* values = reinterpret_cast<std::int8_t*>(scratch.of(thread));
        for (Index i = begin; i < end; ++i)
          corrections[i] =
              round_row(x.dense.row(i), x.width, unit, scales[i], values, rows + i * result.stride);
      },
      scratch.threads());
  result.rows = rows;
  result.corrections = corrections;
  result.scales = scales;
  if (unit == Int8Unit::kTiles && result.slot && has_rows_for_tiles(groups))
    return in_order(result, groups.total(), x.width, arena);
  return result;
}

Int8SparseRows round_sparse(const SparseRows& x, const DistinctRows& distinct, Arena& arena) {
  const SparseRows& rows = distinct.rows.sparse;
  Index* offsets = arena.take<Index>(distinct.count + 1);
  offsets[0] = 0;
  for (Index i = 0; i < distinct.count; ++i) {
    const Index nonzeros = rows.end(i) - rows.begin(i);
    require(nonzeros <= kMaxInt8Depth, "x: expected rows of at most ", kMaxInt8Depth,
            " nonzeros for exact sums of int8, got ", nonzeros);
    offsets[i + 1] = offsets[i] + nonzeros;
  }
  auto* values = arena.take<std::int8_t>(offsets[distinct.count]);
  auto* corrections = arena.take<std::int32_t>(distinct.count);
  float* scales = arena.take<float>(distinct.count);
  const double mean = static_cast<double>(offsets[distinct.count]) /
                      static_cast<double>(std::max<Index>(distinct.count, 1));
  parallel_for(distinct.count, 2 * mean, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float* row = rows.values + rows.begin(i);
      const Index nonzeros = rows.end(i) - rows.begin(i);
      scales[i] = int8_scale(row, nonzeros);
      to_int8(row, nonzeros, scales[i], values + offsets[i]);
      corrections[i] = int8_correction(values + offsets[i], nonzeros);
    }
  });
  return {x, values, offsets, corrections, scales, distinct.slot};
}

// Panels of int4 that are unpacked at a time: they stay in the cache for the rows that follow. A
// multiple of the panels of every tile.
constexpr Index kUnpackedPanels = 6;

// Memory of the calling thread for unpacked panels, kept.
std::uint8_t* unpacked_scratch(PanelShape shape) {
  static thread_local AlignedBuffer memory;
  const Index floats = floats_of(kUnpackedPanels * int4_unpacked_bytes(shape));
  return reinterpret_cast<std::uint8_t*>(kept_scratch(memory, floats));
}

// Calls use(w, begin, end) with int8 panels for the panels [panel, panel_end) of a group's weights.
template <typename Use>
void for_int8_panels(const GroupedWeights& weights, Index g, Index panel, Index panel_end,
                     const Use& use) {
  if (weights.storage == Storage::kInt8) return use(weights.int8_at(g), panel, panel_end);
  const Int4Panels w = weights.int4_at(g);
  std::uint8_t* unpacked = unpacked_scratch(w.shape);
  for (Index begin = panel; begin < panel_end; begin += kUnpackedPanels) {
    const Index end = std::min(begin + kUnpackedPanels, panel_end);
    for (Index p = begin; p < end; ++p)
      unpack_int4(w, p, unpacked + (p - begin) * Int8Panels::panel_values(w.shape));
    use({unpacked, w.scale, w.shape, begin}, begin, end);
  }
}

// The product of rounded rows by a group's int8 or int4 weights.
void integer_product(const Int8Rows& x, Index row, Index row_end, const GroupedWeights& weights,
                     Index g, Index panel, Index panel_end, const Epilogue& epilogue) {
  if (weights.storage == Storage::kInt4 && x.unit != Int8Unit::kPairs &&
      row_end - row <= kFewInt4Rows)
    return int4_product(x, row, row_end, weights.int4_at(g), panel, panel_end, epilogue);
  for_int8_panels(weights, g, panel, panel_end, [&](const Int8Panels& w, Index begin, Index end) {
    int8_product(x, row, row_end, w, begin, end, epilogue);
  });
}

}  // namespace

Index RoundedRows::floats(Index rows, Index width) {
  return 2 * round_up(rows, kPanelWidth) + floats_of(width) +
         floats_of(int8_rows_bytes(rows, width, best_int8_unit()));
}

RoundedRows::RoundedRows(float* memory, Index rows, Index width)
    : scales_(memory),
      corrections_(reinterpret_cast<std::int32_t*>(memory + round_up(rows, kPanelWidth))),
      values_(reinterpret_cast<std::int8_t*>(memory + 2 * round_up(rows, kPanelWidth))),
      rows_(reinterpret_cast<std::byte*>(memory + 2 * round_up(rows, kPanelWidth) +
                                         floats_of(width))) {}

Int8Rows RoundedRows::round(const Rows& x, Index count, Index width) {
  const Int8Unit unit = best_int8_unit();
  const Index stride = int8_row_bytes(width, unit);
  if (const float* first = x.row(0); std::exchange(last_, first) != first)
    for (Index i = 0; i < count; ++i)
      corrections_[i] = round_row(x.row(i), width, unit, scales_[i], values_, rows_ + i * stride);
  return {unit, rows_, stride, corrections_, scales_, nullptr};
}

void quantized_multiply(const Rows& x, Index rows, const GroupedWeights& weights, Index g,
                        const Epilogue& epilogue, RoundedRows& rounded) {
  Epilogue own = epilogue;
  own.bias = weights.bias_at(g);
  const Index panels = weights.first.shape.panels();
  integer_product(rounded.round(x, rows, weights.first.shape.rows), 0, rows, weights, g, 0, panels,
                  own);
}

void grouped_quantized_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                               const Epilogue& epilogue, Arena& arena) {
  const auto run = [&](const auto& multiply) {
    for_each_forward_block(x, groups, weights, epilogue, multiply);
  };
  const DistinctRows distinct = distinct_rows(x, groups.total(), arena);
  if (x.is_sparse()) {
    const Int8SparseRows rows = round_sparse(x.sparse, distinct, arena);
    run([&](Index g, Index row, Index row_end, Index panel, Index panel_end, const Epilogue& own) {
      for_int8_panels(weights, g, panel, panel_end,
                      [&](const Int8Panels& w, Index begin, Index end) {
                        sparse_int8_product(rows, row, row_end, w, begin, end, own);
                      });
    });
  } else {
    const Int8Rows rows = round_dense(distinct, groups, arena);
    run([&](Index g, Index row, Index row_end, Index panel, Index panel_end, const Epilogue& own) {
      integer_product(rows, row, row_end, weights, g, panel, panel_end, own);
    });
  }
}

}  // namespace gatewise
