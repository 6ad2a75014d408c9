// The register tiles of products of bfloat16 values with float32 sums.
//
// Sums have the order of AMX's TDPBF16PS (Intel, "Architectures software developer's manual",
// volume 2), so that their bits are the same with that instruction and without it. The depth is cut
// into steps of kDotDepth values, the last one padded with zeros. In a step, products with even k
// are summed in order from zero, by `fma`, and so are those with odd k; the first sum plus
// the second is added to the sum of the steps before. Denormals count as zero.
//
// Rows are float32 values that are exact in bfloat16, in planes: of each step, first the 16 values
// with even k, then those with odd k.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/tile.h"

namespace gatewise {

inline constexpr Index kPlane = kDotDepth / 2;

// Rows of a tile at most, and its panels: sums of both planes are in registers.
inline constexpr int kPlaneTileRows = std::max(1, kTileRows / 2);
inline constexpr int plane_tile_panels(int rows) { return tile_panels(2 * rows); }
inline constexpr int kMaxPlanePanels = 4;  // max of plane_tile_panels

// Rows in planes, `stride` floats from one to the next.
struct PlaneRows {
  const float* data = nullptr;
  Index stride = 0;
};

// rows: 1 to kPlaneTileRows; panels: 1 to plane_tile_panels(row_count) with rows of 16 in the order
// of planes, `panel_stride` floats apart, `steps` steps of them. sums [panels][rows] are added
// to.
void multiply_planes(const PlaneRows& rows, int row_count, const float* panels, Index panel_stride,
                     int panel_count, Index steps, float (*sums)[kPanelWidth]);

// The same for panels of pairs, `panel_stride` values apart.
void multiply_pairs(const PlaneRows& rows, int row_count, const std::uint16_t* panels,
                    Index panel_stride, int panel_count, Index steps, float (*sums)[kPanelWidth]);

}  // namespace gatewise
