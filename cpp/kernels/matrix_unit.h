// Tiles of products of bfloat16 values with float32 sums: by the processor's matrix unit (AMX)
// where it has one, and by plain loops elsewhere.
#pragma once

#include "core/types.h"

namespace gatewise {

// Rows of x and panels of W that are multiplied at once, and the depth of one step.
inline constexpr Index kUnitRows = 32;
inline constexpr Index kUnitPanels = 2;
inline constexpr Index kUnitDepth = 32;

// bfloat16 values of a step's rows or panels.
inline constexpr Index kUnitStep = kUnitRows * kUnitDepth;
static_assert(kUnitPanels * kPanelWidth * kUnitDepth == kUnitStep);

// Where value k of a row, or of a column, of the unit lies; the depth is padded with zeros to a
// whole number of steps. In a step, values k and k + 16 lie side by side: the unit multiplies
// pairs.
inline constexpr Index unit_row_place(Index row, Index k) {
  const Index at = k % kUnitDepth;
  return k / kUnitDepth * kUnitStep + row * kUnitDepth + at % 16 * 2 + at / 16;
}
inline constexpr Index unit_column_place(Index panel, Index k, Index lane) {
  const Index at = k % kUnitDepth;
  return k / kUnitDepth * kUnitStep + panel * (kUnitDepth * kPanelWidth) +
         at % 16 * (2 * kPanelWidth) + 2 * lane + at / 16;
}

// Sums of kUnitRows rows and kUnitPanels panels.
struct UnitSums {
  alignas(64) float values[kUnitPanels][kUnitRows][kPanelWidth];
};

// Whether this processor has a matrix unit that multiplies bfloat16, and the system lets this
// process use it.
bool has_matrix_unit();

// What a unit needs, for a scope on one thread: tiles take memory in every switch of threads.
class MatrixUnit {
 public:
  MatrixUnit();
  ~MatrixUnit();
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;

  // sums[p][r][c] = the sum over k of rows[r, k] panels[p][k, c] in float32, rounded at most once
  // a product and once an addition, in an order of the unit's own; values and sums below the
  // smallest normal number count as zero. For each step so many lines of 64 bytes are asked for,
  // from `ahead` on; they need not exist.
  void multiply(const std::uint16_t* rows, const std::uint16_t* panels, Index steps,
                const float* ahead, Index lines, UnitSums& sums) const;

 private:
  bool is_here_;
};

}  // namespace gatewise
