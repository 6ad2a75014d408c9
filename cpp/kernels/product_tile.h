// The register tile of the products: a few rows by one or more panels.
#pragma once

#include "core/panels.h"
#include "kernels/tile.h"

namespace gatewise {

inline constexpr int kMaxPanels = 4;  // the most that tile_panels returns

// Sums of one tile, [panel][row][16 columns].
struct TileSums {
  // A tile has no more sums than this, whether they fill the registers or are one panel's.
  alignas(64) float values[std::max(kAccumulators / Vector::kParts, kTileRows)][kPanelWidth];

  const float* at(int panel, int row, int rows) const { return values[panel * rows + row]; }
};

// What a tile asks for while it sums, so that memory is read while a core multiplies: for each
// kPrefetchDepth values of the depth so many lines of 64 bytes from `next` on. They need not exist.
inline constexpr Index kPrefetchDepth = 16;
struct Prefetch {
  const float* next = nullptr;
  Index lines = 0;
};

// sums[p][r][c] = sum_k rows[r][k] panels[p][k * stride_p + c], k upwards over [0, depth) in one
// chain of `fma` from 0. rows: 1 to kTileRows pointers; panels: 1 to tile_panels(rows) pointers;
// stride_p is 16, that of the last panel `last_stride`. 16 floats are loaded of each panel row.
void multiply_tile(const float* const* rows, int row_count, const float* const* panels,
                   int panel_count, Index last_stride, Index depth, Prefetch prefetch,
                   TileSums& sums);

}  // namespace gatewise
