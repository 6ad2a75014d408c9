// The innermost loop of bfloat16 products by tiles: two tiles of rows by two panels.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// Rows of 32 values, `stride` values from one to the next, in tiles of 16; the second tile of rows,
// and the second panel of pairs, are used if kTwoRows and kTwoPanels.
struct TileOperands {
  const std::uint16_t* rows;
  Index stride;
  const std::uint16_t* panels[2];
};

// sums[p][r][c] += the products of `steps` steps of kDotDepth, with 16 sums a row. Tiles has the
// functions of AmxTiles (kernels/amx.h). Calls after_step() while the unit multiplies.
template <typename Tiles, bool kTwoRows, bool kTwoPanels, typename AfterStep>
void add_tile_products(const TileOperands& of, Index steps, float* const* sums,
                       const AfterStep& after_step) {
  constexpr Index kTile = 16, kBytes = 64;
  // Sums are in tiles 0 to 3, rows in 4 and 5, panels in 6 and 7.
  Tiles::template load<0>(sums[0], kBytes);
  if constexpr (kTwoPanels) Tiles::template load<1>(sums[1], kBytes);
  if constexpr (kTwoRows) Tiles::template load<2>(sums[0] + kTile * kPanelWidth, kBytes);
  if constexpr (kTwoRows && kTwoPanels)
    Tiles::template load<3>(sums[1] + kTile * kPanelWidth, kBytes);
  const Index bytes = of.stride * Index{sizeof(std::uint16_t)};
  for (Index step = 0; step < steps; ++step) {
    const std::uint16_t* rows = of.rows + step * kDotDepth;
    const Index offset = step * kTile * kDotDepth;
    Tiles::template load<4>(rows, bytes);
    Tiles::template load<6>(of.panels[0] + offset, kBytes);
    if constexpr (kTwoPanels) Tiles::template load<7>(of.panels[1] + offset, kBytes);
    Tiles::template add_bfloat16<0, 4, 6>();
    if constexpr (kTwoPanels) Tiles::template add_bfloat16<1, 4, 7>();
    after_step();
    if constexpr (!kTwoRows) continue;
    Tiles::template load<5>(rows + kTile * of.stride, bytes);
    Tiles::template add_bfloat16<2, 5, 6>();
    if constexpr (kTwoPanels) Tiles::template add_bfloat16<3, 5, 7>();
  }
  Tiles::template store<0>(sums[0], kBytes);
  if constexpr (kTwoPanels) Tiles::template store<1>(sums[1], kBytes);
  if constexpr (kTwoRows) Tiles::template store<2>(sums[0] + kTile * kPanelWidth, kBytes);
  if constexpr (kTwoRows && kTwoPanels)
    Tiles::template store<3>(sums[1] + kTile * kPanelWidth, kBytes);
}

}  // namespace gatewise
