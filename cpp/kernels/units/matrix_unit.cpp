#include "kernels/units/matrix_unit.h"

#include "kernels/bfloat16.h"

// Only at the AVX-512 level: every processor with a matrix unit supports it.
#if defined(__AVX512F__) && defined(__linux__)
#define GATEWISE_HAS_AMX 1
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define GATEWISE_HAS_AMX 0
#endif

namespace gatewise {
namespace {

#if GATEWISE_HAS_AMX

#define GATEWISE_AMX __attribute__((target("amx-tile,amx-bf16")))

// Checks processor and system by CPUID leaf 7 and XCR0, then requests permission, which Linux
// requires once.
bool request_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24, kSavesState = 1u << 27;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  if ((d & kBfloat16) == 0 || (d & kTiles) == 0) return false;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kSavesState) == 0) return false;
  constexpr unsigned kTileState = 3u << 17;
  asm("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  if ((a & kTileState) != kTileState) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// The operand of LDTILECFG: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Static, because the compiler assumes that GCC's intrinsic reads only the first byte.
constexpr TileConfiguration kConfiguration;

GATEWISE_AMX void configure() { _tile_loadconfig(&kConfiguration); }

GATEWISE_AMX void release() { _tile_release(); }

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

bool request_amx() { return false; }
void configure() {}
void release() {}
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

bool MatrixUnit::is_available() {
  static const bool is_available = request_amx();
  return is_available;
}

MatrixUnit::MatrixUnit() : is_available_(is_available()) {
  if (is_available_) configure();
}

MatrixUnit::~MatrixUnit() {
  if (is_available_) release();
}

void MatrixUnit::multiply(const ScreenTile& tile, ScreenSums& sums) const {
  is_available_ ? multiply_with_amx(tile, sums) : multiply_with_loops(tile, sums);
}

}  // namespace gatewise
