#include "kernels/units/int16_unit.h"

#include <array>
#include <cstring>
#include <utility>

#include "kernels/int8_unit.h"

namespace gatewise {
namespace {

// Panels and rows of the register tiles. Ten or more independent sums hide the latency (5 cycles,
// two start per cycle); AVX2 has registers for twelve.
#if defined(__AVX512F__)
constexpr int kPanels = 2;
constexpr std::array kRowsOfTiles{8, 8, 8, 8};
#elif defined(__AVX2__)
constexpr int kPanels = 1;
constexpr std::array kRowsOfTiles{6, 5, 5, 6, 5, 5};
#else
constexpr int kPanels = 1;
constexpr std::array kRowsOfTiles{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
#endif

std::int32_t pair_at(const std::uint16_t* values) {
  std::int32_t pair;
  std::memcpy(&pair, values, sizeof pair);
  return pair;
}

template <bool kFused, int kRows>
void multiply_registers(const ScreenTile& tile, Index row, Index panel, bool prefetches,
                        ScreenSums& out) {
  const Index depth = tile.steps * kScreenDepth;
  Native::Integers sums[kRows][kPanels][Vector::kParts];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 16
      for (int i = 0; i < Vector::kParts; ++i) sums[r][p][i] = Native::zero_integers();
  const std::uint16_t* rows = tile.rows + row * depth;
  const std::uint16_t* columns = tile.panels + panel * kPanelWidth * depth;
  const float* prefetch = tile.prefetch;
  const Index lines = prefetches ? tile.lines : 0;
  for (Index step = 0; step < depth; step += kScreenDepth) {
    for (Index line = 0; line < lines; ++line, prefetch += kPanelWidth)
      __builtin_prefetch(prefetch, 0, 2);
    for (Index k = step; k < step + kScreenDepth; k += 2, columns += 2 * kPanelWidth) {
      Native::Integers weights[kPanels][Vector::kParts];
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 16
        for (int i = 0; i < Vector::kParts; ++i)
          weights[p][i] =
              Native::load_integers(columns + p * kPanelWidth * depth + i * 2 * Native::kWidth);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const Native::Integers value = Native::set_pair(pair_at(rows + r * depth + k));
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 16
          for (int i = 0; i < Vector::kParts; ++i)
            sums[r][p][i] = kFused ? Native::add_products_fused(value, weights[p][i], sums[r][p][i])
                                   : Native::add_products(value, weights[p][i], sums[r][p][i]);
      }
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int i = 0; i < Vector::kParts; ++i)
        Native::store(out.values[panel + p][row + r] + i * Native::kWidth,
                      Native::to_floats(sums[r][p][i]));
}

template <bool kFused>
void multiply_with(const ScreenTile& tile, ScreenSums& sums) {
  for (Index panel = 0; panel < kScreenPanels; panel += kPanels)
    [&]<std::size_t... kTile>(std::index_sequence<kTile...>) {
      Index row = 0;
      ((multiply_registers<kFused, kRowsOfTiles[kTile]>(tile, row, panel, panel == 0 && row == 0,
                                                        sums),
        row += kRowsOfTiles[kTile]),
       ...);
    }(std::make_index_sequence<kRowsOfTiles.size()>{});
}

}  // namespace

bool Int16Unit::is_available() {
#if defined(__AVX512F__)
  return has_vnni();
#elif defined(__AVX2__)
  return true;
#else
  return false;
#endif
}

void Int16Unit::multiply(const ScreenTile& tile, ScreenSums& sums) const {
  has_vnni() ? multiply_with<true>(tile, sums) : multiply_with<false>(tile, sums);
}

}  // namespace gatewise
