// Tiles of products of bfloat16 values with float32 sums: by the processor's matrix unit (AMX)
// where it has one, and by plain loops elsewhere.
#pragma once

#include "kernels/screen_tile.h"
#include "kernels/vector.h"

namespace gatewise {

// For a scope on one thread: the unit's registers take memory in every switch of threads.
class MatrixUnit {
 public:
  // Whether this processor has such a unit for bfloat16, and the system lets this process use it.
  static bool is_available();

  MatrixUnit();
  ~MatrixUnit();
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;

  // Where value k of a row, or of a panel's lane, lies among those of a tile: step after step, as
  // the unit loads them.
  static constexpr Index row_offset(Index row, Index k, Index) {
    return k / kScreenDepth * kScreenStep + row * kScreenDepth + screen_pair(k) % 16 * 2 +
           screen_half(k);
  }
  static constexpr Index column_offset(Index panel, Index k, Index lane, Index) {
    return k / kScreenDepth * kScreenStep + (panel * 16 + screen_pair(k) % 16) * (2 * kPanelWidth) +
           2 * lane + screen_half(k);
  }

  // sums[p][r][c] = the sum over k of rows[r, k] panels[p][k, c] in float32, rounded at most once
  // a product and once an addition, in an order of the unit's own; values and sums below the
  // smallest normal number may count as zero.
  void multiply(const ScreenTile& tile, ScreenSums& sums) const;

  // Rounding: values are not scaled, and what each loses is found out.
  static constexpr bool kScales = false;
  static GATEWISE_INLINE Vector round(const Vector& a) { return round_bfloat16(a); }
  static GATEWISE_INLINE Vector join(const Vector& a, const Vector& b) {
    return join_bfloat16(a, b);
  }

 private:
  bool is_available_;
};

}  // namespace gatewise
