// Weight gradient for many rows: x and d_y are packed block by block, as the tile reads them.
#pragma once

#include <algorithm>

#include "kernels/bfloat16_copy.h"
#include "kernels/tile.h"
#include "kernels/weight_gradient.h"

namespace gatewise {

// Row count from which packing pays off (measured: 6 rows by 16 columns, AVX2).
inline constexpr Index kPackedRows = 64;

// Rows of W whose gradient is buffered before it is applied. Enough that a value has left the store
// buffer before the update reads it, and that an update's constants are loaded for many values; few
// enough for the L1 cache. Tile by tile, a step of linear experts took 8 % longer.
inline constexpr Index kUpdateTiles = 12;
inline constexpr Index kUpdateRows = kUpdateTiles * kGradientTileRows;

// Prefetches the arrays that the update of a tile reads and writes, while its gradient is computed.
inline void prefetch_target(const UpdateTarget& target, Index offset, Index count) {
  if (target.copy)
    for (Index at = 0; at < count; at += 2 * kPanelWidth)
      __builtin_prefetch(target.copy + copy_position(target.shape, offset + at), 1);
  for (const float* values : {target.weights, target.first, target.second, target.gradient})
    if (values)
      for (Index at = 0; at < count; at += kPanelWidth) __builtin_prefetch(values + offset + at, 1);
}

// Same contract as `weight_gradient`.
void packed_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch, Products products);

// Calls body(panel, panels, begin, end) for rows [begin, end) of W in each panel of a range of
// units. Panels whose rows are all in the range are grouped, up to `max_panels` per call.
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
