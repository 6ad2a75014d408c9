// The weight gradient for many rows: x and d_y are packed block by block, as the tile reads them.
#pragma once

#include <algorithm>

#include "kernels/tile.h"
#include "kernels/weight_gradient.h"

namespace gatewise {

// From this many rows on, packing pays for itself (measured: 6 rows by 16 columns, AVX2).
inline constexpr Index kPackedRows = 64;

// Rows of W whose gradient is gathered before it is applied: enough that a value has left the store
// buffer when the update reads it, and that an update's constants are loaded for many values; few
// enough to stay in the first cache (tile by tile, a step of linear experts took 8 % longer).
inline constexpr Index kUpdateTiles = 12;
inline constexpr Index kUpdateRows = kUpdateTiles * kGradientTileRows;

// Fetches what the update of a tile will read and write while its gradient is computed.
inline void prefetch_target(const UpdateTarget& target, Index offset, Index count) {
  for (const float* values : {target.weights, target.first, target.second, target.gradient})
    if (values)
      for (Index at = 0; at < count; at += kPanelWidth) __builtin_prefetch(values + offset + at, 1);
}

// As `weight_gradient`.
void packed_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch);

// Calls body(panel, panels, begin, end) for the rows [begin, end) of W in each panel of a range of
// units, up to `max_panels` panels at once where the range has all of their rows.
template <typename Body>
void for_panels(PanelShape shape, Index unit_begin, Index unit_end, Index max_panels,
                const Body& body) {
  const Index tiles = ceil_divide(shape.rows, kGradientTileRows);
  for (Index unit = unit_begin; unit < unit_end;) {
    const Index panel = unit / tiles, tile = unit % tiles;
    const Index tile_end = std::min(tiles, tile + unit_end - unit);
    const Index whole = tile == 0 ? (unit_end - unit) / tiles : 0;
    const Index panels = std::clamp<Index>(whole, 1, max_panels);
    body(panel, panels, tile * kGradientTileRows,
         std::min(tile_end * kGradientTileRows, shape.rows));
    unit += panels * (tile_end - tile);
  }
}

}  // namespace gatewise
