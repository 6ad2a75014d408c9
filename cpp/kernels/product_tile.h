// The register tile of the products: a few rows by one or more panels.
#pragma once

#include "core/panels.h"
#include "kernels/tile.h"

namespace gatewise {

inline constexpr int kMaxPanels = 4;  // max of tile_panels

// Sums of one tile, [panel][row][16 columns].
struct TileSums {
  // The larger of a tile that fills the registers and a tile of one panel.
  alignas(64) float values[std::max(kAccumulators / Vector::kParts, kTileRows)][kPanelWidth];

  const float* at(int panel, int row, int rows) const { return values[panel * rows + row]; }
};

// Prefetches of a tile, so that memory is read while the core multiplies: for every kPrefetchDepth
// values of the depth, `lines` cache lines of 64 bytes from `next` on. The addresses need not be
// valid.
inline constexpr Index kPrefetchDepth = 16;
struct Prefetch {
  const float* next = nullptr;
  Index lines = 0;
};

// rows: 1 to kTileRows pointers to [depth]; panels: 1 to tile_panels(rows) pointers to [depth, 16]
// with stride_p = 16, for the last panel `last_stride`; 16 floats of each panel row are loaded.
// `sums` is set:
//   sums[p][r][c] = s + sum_k rows[r][k] panels[p][k * stride_p + c],
// accumulated over k in order with `fma` from s, which is 0, or the value before if `go_on`.
void multiply_tile(const float* const* rows, int row_count, const float* const* panels,
                   int panel_count, Index last_stride, Index depth, Prefetch prefetch,
                   TileSums& sums, bool go_on = false);

}  // namespace gatewise
