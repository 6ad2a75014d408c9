#include "kernels/forward_product.h"

#include <array>
#include <utility>

#include "kernels/tile.h"

namespace gatewise {
void finish(const float* sums, Index row, Index panel, Index width, const Epilogue& e) {
  const Index column = panel * kPanelWidth;
  Vector value = Vector::load(sums);
  if (e.bias) value = value + Vector::load_up_to(e.bias + column, width);
  const Index at = row * e.y_stride + column;
  if (e.pre_activation) value.store_up_to(e.pre_activation + at, width);
  activate(e.activation, value).store_up_to(e.y + at, width);
}

namespace {

using Tile = void (*)(const Rows& x, Index row, const Panels& w, Index panel, const Epilogue& e);

// kRows rows by kPanels panels in registers, over the whole depth.
template <int kRows, int kPanels>
void multiply_tile(const Rows& x, Index row, const Panels& w, Index panel, const Epilogue& e) {
  const float* a[kRows];
  for (int r = 0; r < kRows; ++r) a[r] = x.row(row + r);
  const float* b[kPanels];
  for (int p = 0; p < kPanels; ++p) b[p] = w.panel(panel + p);
  // Only the last panel of a matrix can have a stride of its own.
  const Index last_stride = w.shape.stride(panel + kPanels - 1);

  Vector sums[kRows][kPanels];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) sums[r][p] = Vector::zero();

  const Index depth = w.shape.rows;
  for (Index k = 0; k < depth; ++k) {
    Vector weights[kPanels];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
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
  // Unrolled, as every loop over the sums must be: an index known only at run time would keep them
  // in memory and not in registers.
  alignas(64) float stored[kRows][kPanels][kPanelWidth];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) sums[r][p].store(stored[r][p]);
  for (int p = 0; p < kPanels; ++p)
    for (int r = 0; r < kRows; ++r)
      finish(stored[r][p], row + r, panel + p, w.shape.width(panel + p), e);
}

constexpr int kMostPanels = 4;

template <int kRows>
constexpr std::array<Tile, kMostPanels> tiles_of_rows() {
  return []<int... kPanels>(std::integer_sequence<int, kPanels...>) {
    return std::array<Tile, kMostPanels>{
        (kPanels < tile_panels(kRows)
             ? &multiply_tile<kRows, std::min(kPanels + 1, tile_panels(kRows))>
             : nullptr)...};
  }(std::make_integer_sequence<int, kMostPanels>{});
}

// kTiles[r - 1][p - 1]: r rows by p panels.
constexpr auto kTiles = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array<std::array<Tile, kMostPanels>, kTileRows>{tiles_of_rows<kRows + 1>()...};
}(std::make_integer_sequence<int, kTileRows>{});

}  // namespace

void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  // Panels outside, rows inside: a panel stays in the first caches while the rows pass.
  const Index most_rows = std::min<Index>(row_end - row_begin, kTileRows);
  if (most_rows <= 0) return;
  const Index group = tile_panels(static_cast<int>(most_rows));
  for (Index panel = panel_begin; panel < panel_end; panel += group) {
    const Index group_end = std::min(panel_end, panel + group);
    for (Index row = row_begin; row < row_end; row += kTileRows) {
      const Index rows = std::min<Index>(kTileRows, row_end - row);
      const Index at_once = tile_panels(static_cast<int>(rows));
      for (Index p = panel; p < group_end; p += at_once) {
        const Index panels = std::min(at_once, group_end - p);
        kTiles[rows - 1][panels - 1](x, row, w, p, epilogue);
      }
    }
  }
}

}  // namespace gatewise
