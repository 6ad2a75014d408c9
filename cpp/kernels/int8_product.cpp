#include "kernels/int8_product.h"

#include <cstring>
#include <limits>

#include "kernels/epilogue.h"
#include "kernels/finite.h"
#include "kernels/tile_loop.h"

namespace gatewise {
namespace {

// The 32-bit sums of a panel's 16 columns, or 16 pairs of 16-bit values.
struct Integers {
  Native::Integers part[Vector::kParts];

  static GATEWISE_INLINE Integers zero() {
    Integers result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i) result.part[i] = Native::zero_integers();
    return result;
  }
  static GATEWISE_INLINE Integers load_pairs(const std::int8_t* p) {
    Integers result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i)
      result.part[i] = Native::load_pairs(p + 2 * i * Native::kWidth);
    return result;
  }
  // For each column, adds the products of a pair of weights with one pair of a row.
  GATEWISE_INLINE void add_products(const Integers& weights, std::int32_t pair) {
    const Native::Integers values = Native::set_pair(pair);
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i)
      part[i] = Native::add_products(weights.part[i], values, part[i]);
  }
  GATEWISE_INLINE Vector to_floats() const {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i) result.part[i] = Native::to_floats(part[i]);
    return result;
  }
};

GATEWISE_INLINE std::int32_t load_pair(const std::int16_t* values) {
  std::int32_t pair;
  std::memcpy(&pair, values, sizeof pair);
  return pair;
}

// Scales the sums of one row in one panel and applies the epilogue.
void finish(const Integers& integers, float row_scale, Index row, Index panel, const Int8Panels& w,
            const Epilogue& epilogue) {
  const Index width = w.shape.width(panel);
  const Vector column_scale = Vector::load_up_to(w.scale + panel * kPanelWidth, width);
  alignas(64) float sums[kPanelWidth];
  (integers.to_floats() * Vector::set(row_scale) * column_scale).store(sums);
  finish(&sums, row, 1, panel, width, epilogue);
}

struct Int8Product {
  // An integer addition takes one cycle, so one panel keeps a core busy. A single row then reads
  // its weights sequentially (a fifth faster than four panels together).
  static constexpr int kMaxPanels = 1;

  const Int8Rows& x;
  const Int8Panels& w;
  const Epilogue& epilogue;

  // Computes kRows rows by kPanels panels over the whole depth, with the sums in registers.
  template <int kRows, int kPanels>
  void tile(Index row, Index panel) const {
    const std::int16_t* a[kRows];
    for (int r = 0; r < kRows; ++r) a[r] = x.row(row + r);
    const Index panel_stride = Int8Panels::panel_values(w.shape);
    const std::int8_t* b = w.panel(panel);

    Integers sums[kRows][kPanels];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums[r][p] = Integers::zero();

    const Index depth = w.shape.rows;
    for (Index k = 0; k < depth; k += 2) {
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        const std::int8_t* at = b + p * panel_stride + k * kPanelWidth;
        prefetch_ahead<kRows>(at, kSingleStreamPrefetchBytes);
        const Integers weights = Integers::load_pairs(at);
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) sums[r][p].add_products(weights, load_pair(a[r] + k));
      }
    }
    // Loops over `sums` are unrolled, so that they stay in registers; the loops below need not be.
    Integers stored[kRows][kPanels];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) stored[r][p] = sums[r][p];
    for (int p = 0; p < kPanels; ++p)
      for (int r = 0; r < kRows; ++r)
        finish(stored[r][p], x.scale(row + r), row + r, panel + p, w, epilogue);
  }
};

}  // namespace

float int8_scale(const float* x, Index count) {
  if (find_nonfinite(x, count) >= 0) return std::numeric_limits<float>::quiet_NaN();
  Vector largest = Vector::zero();
  for (Index i = 0; i < count; i += kPanelWidth)
    largest = max(largest, abs(Vector::load_up_to(x + i, count - i)));
  alignas(64) float lanes[kPanelWidth];
  largest.store(lanes);
  const float scale = *std::max_element(lanes, lanes + kPanelWidth) / 127.0f;
  return scale < std::numeric_limits<float>::min() ? 0.0f : scale;
}

void to_int8(const float* x, Index count, float scale, std::int16_t* values) {
  const Index even = round_up(count, 2);
  if (!(scale > 0)) {
    std::fill_n(values, even, std::int16_t{0});
    return;
  }
  const Vector divisor = Vector::set(scale);
  for (Index i = 0; i < count; i += kPanelWidth) {
    alignas(64) float lanes[kPanelWidth];
    round(Vector::load_up_to(x + i, count - i) / divisor).store(lanes);
    const Index filled = std::min(kPanelWidth, even - i);
    for (Index j = 0; j < filled; ++j) values[i + j] = static_cast<std::int16_t>(lanes[j]);
  }
}

void int8_product(const Int8Rows& x, Index row_begin, Index row_end, const Int8Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  TileLoop<Int8Product>::run({x, w, epilogue}, row_begin, row_end, panel_begin, panel_end);
}

void sparse_int8_product(const Int8SparseRows& x, Index row_begin, Index row_end,
                         const Int8Panels& w, Index panel_begin, Index panel_end,
                         const Epilogue& epilogue) {
  for (Index panel = panel_begin; panel < panel_end; ++panel) {
    const std::int8_t* b = w.panel(panel);
    for (Index row = row_begin; row < row_end; ++row) {
      const std::int16_t* values = x.values + x.offsets[x.slot_of(row)];
      const Index begin = x.x.begin(row), end = x.x.end(row);
      Integers sums = Integers::zero();
      for (Index at = begin; at < end; ++at) {
        // The value in its row's half of the pair, zero in the other half.
        const Index column = x.x.columns[at];
        const std::int16_t value = values[at - begin];
        const std::int16_t pair[2] = {column % 2 == 0 ? value : std::int16_t{0},
                                      column % 2 == 0 ? std::int16_t{0} : value};
        const Index value_offset = Int8Panels::value_offset(column - column % 2, 0);
        sums.add_products(Integers::load_pairs(b + value_offset), load_pair(pair));
      }
      finish(sums, x.scales[x.slot_of(row)], row, panel, w, epilogue);
    }
  }
}

}  // namespace gatewise
