#include "kernels/units/matrix_unit.h"

#include "kernels/bfloat16.h"

#if GATEWISE_HAS_AMX
#include <immintrin.h>
#endif

namespace gatewise {
namespace {

#if GATEWISE_HAS_AMX

#define GATEWISE_AMX __attribute__((target("amx-tile,amx-bf16")))

GATEWISE_AMX void multiply_with_amx(const ScreenTile& tile, ScreenSums& sums) {
  constexpr Index kHalf = kScreenStep / 2;
  const std::uint16_t* rows = tile.rows;
  const std::uint16_t* panels = tile.panels;
  const float* prefetch = tile.prefetch;
  // Emits no instruction. GCC's tile intrinsics do not declare that they read and write memory.
  asm volatile("" ::: "memory");
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (Index step = 0; step < tile.steps; ++step, rows += kScreenStep, panels += kScreenStep) {
    _tile_loadd(4, rows, 64);
    _tile_loadd(5, rows + kHalf, 64);
    _tile_loadd(6, panels, 64);
    _tile_loadd(7, panels + kHalf, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    for (Index line = 0; line < tile.lines; ++line, prefetch += kPanelWidth)
      __builtin_prefetch(prefetch, 0, 2);
  }
  _tile_stored(0, sums.values[0][0], 64);
  _tile_stored(1, sums.values[1][0], 64);
  _tile_stored(2, sums.values[0][kScreenRows / 2], 64);
  _tile_stored(3, sums.values[1][kScreenRows / 2], 64);
  asm volatile("" ::: "memory");
}

#else

void multiply_with_amx(const ScreenTile&, ScreenSums&) {}

#endif

void multiply_with_loops(const ScreenTile& tile, ScreenSums& sums) {
  for (Index p = 0; p < kScreenPanels; ++p)
    for (Index r = 0; r < kScreenRows; ++r)
      for (Index lane = 0; lane < kPanelWidth; ++lane) {
        float sum = 0;
        for (Index k = 0; k < tile.steps * kScreenDepth; ++k)
          sum += from_bfloat16(tile.rows[MatrixUnit::row_offset(r, k, tile.steps)]) *
                 from_bfloat16(tile.panels[MatrixUnit::column_offset(p, k, lane, tile.steps)]);
        sums.values[p][r][lane] = sum;
      }
}

}  // namespace

MatrixUnit::MatrixUnit() {
  if (is_available()) scope_.emplace();
}

void MatrixUnit::multiply(const ScreenTile& tile, ScreenSums& sums) const {
  scope_ ? multiply_with_amx(tile, sums) : multiply_with_loops(tile, sums);
}

}  // namespace gatewise
