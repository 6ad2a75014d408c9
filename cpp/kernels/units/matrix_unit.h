// Tile products of bfloat16 values with float32 sums, by the processor's matrix unit (AMX) if it
// has one, otherwise by plain loops.
#pragma once

#include <optional>

#include "kernels/amx.h"
#include "kernels/units/screen_tile.h"
#include "kernels/vector.h"

namespace gatewise {

// For a scope on one thread: while configured, the unit's registers are saved at every thread
// switch.
class MatrixUnit {
 public:
  // True if this processor has a matrix unit for bfloat16 and the system lets this process use it.
  static bool is_available() { return has_amx_bfloat16(); }

  MatrixUnit();
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;

  // Offset of value k of a row, or of a panel's lane, in a tile. Steps are contiguous, as the unit
  // loads them.
  static constexpr Index row_offset(Index row, Index k, Index) {
    return k / kScreenDepth * kScreenStep + row * kScreenDepth + screen_pair(k) % 16 * 2 +
           screen_half(k);
  }
  static constexpr Index column_offset(Index panel, Index k, Index lane, Index) {
    return k / kScreenDepth * kScreenStep + (panel * 16 + screen_pair(k) % 16) * (2 * kPanelWidth) +
           2 * lane + screen_half(k);
  }

  // sums[p][r][c] = sum_k rows[r, k] panels[p][k, c] in float32, overwritten. Each product and each
  // addition is rounded at most once, in an order that the unit defines; values and sums below the
  // smallest normal number may count as zero.
  void multiply(const ScreenTile& tile, ScreenSums& sums) const;

  // Rounding: values are not scaled, and the rounding error of each is computed.
  static constexpr bool kScales = false;
  static GATEWISE_INLINE Vector round(const Vector& a) { return round_bfloat16(a); }
  static GATEWISE_INLINE Vector join(const Vector& a, const Vector& b) {
    return join_bfloat16(a, b);
  }

 private:
  std::optional<AmxScope> scope_;
};

}  // namespace gatewise
