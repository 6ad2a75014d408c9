#include "kernels/product_tile.h"

#include <array>
#include <utility>

namespace gatewise {
namespace {

using Tile = void (*)(const float* const* rows, const float* const* panels, Index last_stride,
                      Index depth, Prefetch prefetch, TileSums& sums, bool go_on);

// Every loop over `sums` is unrolled: an index known only at run time would keep them in memory
// instead of registers.
template <int kRows, int kPanels>
void tile(const float* const* rows, const float* const* panels, Index last_stride, Index depth,
          Prefetch prefetch, TileSums& out, bool go_on) {
  const float* a[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) a[r] = rows[r];
  const float* b[kPanels];
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) b[p] = panels[p];

  Vector sums[kRows][kPanels];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p)
      sums[r][p] = go_on ? Vector::load(out.values[p * kRows + r]) : Vector::zero();

  for (Index begin = 0; begin < depth; begin += kPrefetchDepth) {
    for (Index line = 0; line < prefetch.lines; ++line, prefetch.next += kPanelWidth)
      __builtin_prefetch(prefetch.next, 0, 2);
    const Index end = std::min(depth, begin + kPrefetchDepth);
    for (Index k = begin; k < end; ++k) {
      Vector weights[kPanels];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        prefetch_ahead<kRows>(b[p], kPrefetchBytes);
        weights[p] = Vector::load(b[p]);
        b[p] += p == kPanels - 1 ? last_stride : kPanelWidth;
      }
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const Vector value = Vector::set(a[r][k]);
#pragma GCC unroll 4
        for (int p = 0; p < kPanels; ++p) sums[r][p] = fma(value, weights[p], sums[r][p]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sums[r][p].store(out.values[p * kRows + r]);
}

template <int kRows>
constexpr std::array<Tile, kMaxPanels> tiles_of_rows() {
  return []<int... kPanels>(std::integer_sequence<int, kPanels...>) {
    return std::array<Tile, kMaxPanels>{
        (kPanels < tile_panels(kRows) ? &tile<kRows, std::min(kPanels + 1, tile_panels(kRows))>
                                      : nullptr)...};
  }(std::make_integer_sequence<int, kMaxPanels>{});
}

// kTiles[r - 1][p - 1]: r rows by p panels.
constexpr auto kTiles = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array<std::array<Tile, kMaxPanels>, kTileRows>{tiles_of_rows<kRows + 1>()...};
}(std::make_integer_sequence<int, kTileRows>{});

}  // namespace

void multiply_tile(const float* const* rows, int row_count, const float* const* panels,
                   int panel_count, Index last_stride, Index depth, Prefetch prefetch,
                   TileSums& sums, bool go_on) {
  kTiles[row_count - 1][panel_count - 1](rows, panels, last_stride, depth, prefetch, sums, go_on);
}

}  // namespace gatewise
