#include "kernels/int8_product.h"

#include <cstring>
#include <limits>

#include "kernels/amx.h"
#include "kernels/finite.h"
#include "kernels/int4_codes.h"
#include "kernels/int8_tiles.h"
#include "kernels/tile_loop.h"

namespace gatewise {
namespace {

GATEWISE_INLINE std::int32_t load_lane(const std::byte* values) {
  std::int32_t lane;
  std::memcpy(&lane, values, sizeof lane);
  return lane;
}

// How a unit multiplies the weights of four rows of a panel by a row's quad: in one or two steps,
// each with some of the weights and 32 bits of the quad. One after the other, so that the steps'
// weights need no registers at the same time.
struct Pairs {
  static constexpr int kSteps = 2;
  // An addition takes one cycle, so one panel keeps a core busy. A single row then reads its
  // weights sequentially (a fifth faster than four panels together).
  static constexpr int kMaxPanels = 1;

  static GATEWISE_INLINE Integers weights(const Integers& all, int step) {
    return Integers::make([&](int i) GATEWISE_INLINE_LAMBDA {
      return step == 0 ? Native::even_bytes(all.part[i]) : Native::odd_bytes(all.part[i]);
    });
  }
  static GATEWISE_INLINE Native::Integers add(Native::Integers weights, Native::Integers values,
                                              Native::Integers sums) {
    return Native::add_products(weights, values, sums);
  }
};

struct Quads {
  static constexpr int kSteps = 1;
  // Enough independent sums to hide the latency (5 cycles, two start per cycle).
  static constexpr int kMaxPanels = 3;

  static GATEWISE_INLINE Integers weights(const Integers& all, int) { return all; }
  static GATEWISE_INLINE Native::Integers add(Native::Integers weights, Native::Integers values,
                                              Native::Integers sums) {
    return Native::add_quads(weights, values, sums);
  }
};

template <typename Unit>
inline constexpr Index kQuadBytes = Unit::kSteps * static_cast<Index>(sizeof(std::int32_t));

// Adds a step's products of a row.
template <typename Unit>
GATEWISE_INLINE void add_step(const Integers& weights, const std::byte* values, Integers& sums) {
  const Native::Integers lanes = Native::set_pair(load_lane(values));
#pragma GCC unroll 16
  for (int i = 0; i < Vector::kParts; ++i)
    sums.part[i] = Unit::add(weights.part[i], lanes, sums.part[i]);
}

template <typename Unit>
struct Int8Product {
  static constexpr int kMaxPanels = Unit::kMaxPanels;

  const Int8Rows& x;
  const Int8Panels& w;
  const Epilogue& epilogue;

  // Computes kRows rows by kPanels panels over the whole depth, with the sums in registers.
  template <int kRows, int kPanels>
  void tile(Index row, Index panel) const {
    const std::byte* a[kRows];
    float scales[kRows];
    Integers sums[kPanels][kRows];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      a[r] = x.row(row + r);
      scales[r] = x.scales[x.slot_of(row + r)];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p)
        sums[p][r] = Integers::set(x.corrections[x.slot_of(row + r)]);
    }
    const Index panel_stride = Int8Panels::panel_values(w.shape);
    const Index quads = ceil_divide(w.shape.rows, 4);
    const std::uint8_t* b = w.panel(panel);
    for (Index quad = 0; quad < quads; ++quad, b += 4 * kPanelWidth) {
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        const std::uint8_t* at = b + p * panel_stride;
        prefetch_ahead<kRows>(at, kSingleStreamPrefetchBytes);
        const Integers all = Integers::load(at);
#pragma GCC unroll 2
        for (int step = 0; step < Unit::kSteps; ++step) {
          const Integers weights = Unit::weights(all, step);
#pragma GCC unroll 12
          for (int r = 0; r < kRows; ++r)
            add_step<Unit>(weights, a[r] + quad * kQuadBytes<Unit> + step * 4, sums[p][r]);
        }
      }
    }
    // Loops over `sums` are unrolled, so that they stay in registers; the loop below need not be.
    Integers stored[kPanels][kRows];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) stored[p][r] = sums[p][r];
    for (int p = 0; p < kPanels; ++p) finish(stored[p], scales, row, kRows, panel + p, w, epilogue);
  }
};

// Quads of a few rows by int4 panels.
struct Int4Product {
  const Int8Rows& x;
  const Int4Panels& w;
  const Epilogue& epilogue;

  // Sums of the upper halves of codes are separate, so that more are independent.
  template <int kRows>
  void tile(Index row, Index panel) const {
    const std::byte* a[kRows];
    float scales[kRows];
    Integers sums[2][kRows];
    for (int r = 0; r < kRows; ++r) {
      a[r] = x.row(row + r);
      scales[r] = x.scales[x.slot_of(row + r)];
      sums[0][r] = Integers::set(x.corrections[x.slot_of(row + r)]);
      sums[1][r] = Integers::set(0);
    }
    const Index quads = ceil_divide(w.shape.rows, 4), block_quads = w.block_rows / 4;
    const std::uint8_t* b = w.panel(panel);
    for (Index begin = 0; begin < quads; begin += block_quads) {
      const BlockFactors factors(w, begin / block_quads, panel);
      const Index end = std::min(begin + block_quads, quads);
      for (Index quad = begin; quad < end; quad += 2, b += 4 * kPanelWidth) {
        prefetch_ahead<1>(b, kInt4PrefetchBytes);
        const Integers codes = Integers::load(b);
        add<kRows>(factors.apply(codes), a, quad, sums[0]);
        if (quad + 1 < end) add<kRows>(factors.apply(upper_codes(codes)), a, quad + 1, sums[1]);
      }
    }
    Integers stored[kRows];
    for (int r = 0; r < kRows; ++r)
      stored[r] = Integers::make([&](int i) GATEWISE_INLINE_LAMBDA {
        return Native::multiply_add(sums[1][r].part[i], Native::set_pair(1), sums[0][r].part[i]);
      });
    finish(stored, scales, row, kRows, panel, {nullptr, w.scale, w.shape}, epilogue);
  }

  template <int kRows>
  static GATEWISE_INLINE void add(const Integers& weights, const std::byte* const* a, Index quad,
                                  Integers* sums) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      add_step<Quads>(weights, a[r] + quad * kQuadBytes<Quads>, sums[r]);
  }
};

void tiles_product(const Int8Rows& x, Index row_begin, Index row_end, const Int8Panels& w,
                   Index panel_begin, Index panel_end, const Epilogue& epilogue) {
#if GATEWISE_HAS_AMX
  if (!x.slot && row_end - row_begin >= kMinRowsOfTiles)
    return Int8TilesProduct<AmxTiles>(x, w, epilogue)
        .run(row_begin, row_end, panel_begin, panel_end);
#endif
  TileLoop<Int8Product<Quads>>::run({x, w, epilogue}, row_begin, row_end, panel_begin, panel_end);
}

}  // namespace

Index int8_row_bytes(Index depth, Int8Unit unit) {
  switch (unit) {
    case Int8Unit::kTiles:
      return round_up(depth, kAmxBytes);
    case Int8Unit::kQuads:
      return ceil_divide(depth, 4) * kQuadBytes<Quads>;
    default:
      return ceil_divide(depth, 4) * kQuadBytes<Pairs>;
  }
}

Index int8_rows_bytes(Index rows, Index depth, Int8Unit unit) {
  return (rows + (unit == Int8Unit::kTiles ? kAmxRows - 1 : 0)) * int8_row_bytes(depth, unit);
}

std::int32_t int8_correction(const std::int8_t* values, Index count) {
  std::int32_t sum = 0;
  for (Index k = 0; k < count; ++k) sum += values[k];
  return -128 * sum;
}

std::int32_t store_int8_row(const std::int8_t* values, Index depth, Int8Unit unit, std::byte* row) {
  for (Index k = 0; k < depth; k += 4) {
    std::int8_t quad[4] = {};
    std::copy_n(values + k, std::min<Index>(4, depth - k), quad);
    if (unit == Int8Unit::kPairs) {
      const std::int16_t pairs[4] = {quad[0], quad[2], quad[1], quad[3]};
      std::memcpy(row + 2 * k, pairs, sizeof pairs);
    } else {
      std::memcpy(row + k, quad, sizeof quad);
    }
  }
  if (unit == Int8Unit::kTiles)
    std::fill(row + round_up(depth, 4), row + int8_row_bytes(depth, unit), std::byte{0});
  return int8_correction(values, depth);
}

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

void to_int8(const float* x, Index count, float scale, std::int8_t* values) {
  if (!(scale > 0)) {
    std::fill_n(values, count, std::int8_t{0});
    return;
  }
  const Vector divisor = Vector::set(scale);
  for (Index i = 0; i < count; i += kPanelWidth) {
    alignas(64) float lanes[kPanelWidth];
    round(Vector::load_up_to(x + i, count - i) / divisor).store(lanes);
    const Index filled = std::min(kPanelWidth, count - i);
    for (Index j = 0; j < filled; ++j) values[i + j] = static_cast<std::int8_t>(lanes[j]);
  }
}

void int8_product(const Int8Rows& x, Index row_begin, Index row_end, const Int8Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  switch (x.unit) {
    case Int8Unit::kTiles:
      return tiles_product(x, row_begin, row_end, w, panel_begin, panel_end, epilogue);
    case Int8Unit::kQuads:
      return TileLoop<Int8Product<Quads>>::run({x, w, epilogue}, row_begin, row_end, panel_begin,
                                               panel_end);
    case Int8Unit::kPairs:
      TileLoop<Int8Product<Pairs>>::run({x, w, epilogue}, row_begin, row_end, panel_begin,
                                        panel_end);
  }
}

void int4_product(const Int8Rows& x, Index row_begin, Index row_end, const Int4Panels& w,
                  Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  const Int4Product product{x, w, epilogue};
  for (Index panel = panel_begin; panel < panel_end; ++panel)
    for (Index row = row_begin; row < row_end;) {
      const Index rows = std::min<Index>(row_end - row, 4);
      if (rows == 4)
        product.tile<4>(row, panel);
      else if (rows >= 2)
        product.tile<2>(row, panel);
      else
        product.tile<1>(row, panel);
      row += rows == 3 ? 2 : rows;
    }
}

// One value at a time: its quad has zeros at the other places.
void sparse_int8_product(const Int8SparseRows& x, Index row_begin, Index row_end,
                         const Int8Panels& w, Index panel_begin, Index panel_end,
                         const Epilogue& epilogue) {
  for (Index panel = panel_begin; panel < panel_end; ++panel) {
    const std::uint8_t* b = w.panel(panel);
    for (Index row = row_begin; row < row_end; ++row) {
      const Index slot = x.slot_of(row), begin = x.x.begin(row), end = x.x.end(row);
      const std::int8_t* values = x.values + x.offsets[slot];
      Integers sums = Integers::set(x.corrections[slot]);
      for (Index at = begin; at < end; ++at) {
        const Index column = x.x.columns[at];
        std::int8_t quad[4] = {};
        quad[column % 4] = values[at - begin];
        std::byte stored[kQuadBytes<Pairs>];
        store_int8_row(quad, 4, Int8Unit::kPairs, stored);
        const Integers all = Integers::load(b + Int8Panels::value_offset(column / 4 * 4, 0));
        for (int step = 0; step < Pairs::kSteps; ++step)
          add_step<Pairs>(Pairs::weights(all, step), stored + step * 4, sums);
      }
      finish(&sums, x.scales + slot, row, 1, panel, w, epilogue);
    }
  }
}

}  // namespace gatewise
