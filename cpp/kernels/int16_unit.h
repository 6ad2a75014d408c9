// Tiles of products of 16-bit integers, two to an instruction's lane, with 32-bit sums.
#pragma once

#include "kernels/screen_tile.h"
#include "kernels/vector.h"

namespace gatewise {

class Int16Unit {
 public:
  // Whether it is so much quicker than float32's products here that a screen pays, as it is where
  // one instruction multiplies and adds (VNNI): found out at the first call.
  static bool is_available();

  // Where value k of a row, or of a panel's lane, lies among those of a tile of so many steps: row
  // after row and panel after panel, so that a few of each lie together in the first cache.
  static constexpr Index row_offset(Index row, Index k, Index steps) {
    return row * steps * kScreenDepth + screen_pair(k) * 2 + screen_half(k);
  }
  static constexpr Index column_offset(Index panel, Index k, Index lane, Index steps) {
    return (panel * steps * 16 + screen_pair(k)) * (2 * kPanelWidth) + 2 * lane + screen_half(k);
  }

  // sums[p][r][c] = float32(the sum over k of rows[r, k] panels[p][k, c]), which must stay below
  // 2^31; no value is -32768.
  void multiply(const ScreenTile& tile, ScreenSums& sums) const;

  // Rounding: values are scaled to a norm of kNorm, and none loses more than half of a step. The
  // products of two such vectors sum to less than 2^31 (Cauchy and Schwarz).
  static constexpr bool kScales = true;
  static constexpr float kNorm = 32000;
  static GATEWISE_INLINE Vector join(const Vector& a, const Vector& b) {
    return join_integers(a, b);
  }
};

}  // namespace gatewise
