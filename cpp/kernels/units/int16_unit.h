// Tile products of 16-bit integers, two per 32-bit lane, with 32-bit sums.
#pragma once

#include "kernels/units/screen_tile.h"
#include "kernels/vector.h"

namespace gatewise {

class Int16Unit {
 public:
  // True if a screen takes less time than the float32 products that it saves: at v4 with VNNI,
  // whose one instruction multiplies and adds, and at v3 with or without AVX-VNNI (measurements in
  // docs/selection_path.md). Without VNNI, 512-bit registers need two instructions on two ports for
  // 32 products, as float32 does.
  static bool is_available();

  // Offset of value k of a row, or of a panel's lane, in a tile of `steps` steps. Each row and each
  // panel is contiguous, so that a few of each fit the L1 cache together.
  static constexpr Index row_offset(Index row, Index k, Index steps) {
    return row * steps * kScreenDepth + screen_pair(k) * 2 + screen_half(k);
  }
  static constexpr Index column_offset(Index panel, Index k, Index lane, Index steps) {
    return (panel * steps * 16 + screen_pair(k)) * (2 * kPanelWidth) + 2 * lane + screen_half(k);
  }

  // sums[p][r][c] = float32(sum_k rows[r, k] panels[p][k, c]), overwritten. The integer sum must
  // stay below 2^31; no value may be -32768.
  void multiply(const ScreenTile& tile, ScreenSums& sums) const;

  // Rounding: values are scaled to a norm of kNorm and change by at most half a step. The products
  // of two such vectors sum to less than 2^31 (Cauchy-Schwarz).
  static constexpr bool kScales = true;
  static constexpr float kNorm = 32000;
  static GATEWISE_INLINE Vector join(const Vector& a, const Vector& b) {
    return join_integers(a, b);
  }
};

}  // namespace gatewise
