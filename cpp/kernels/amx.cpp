#include "kernels/amx.h"

#if GATEWISE_HAS_AMX
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gatewise {

#if GATEWISE_HAS_AMX

namespace {

#define GATEWISE_AMX __attribute__((target("amx-tile")))

// Bits of CPUID leaf 7.
constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24, kInt8 = 1u << 25;

// The AMX instructions of the processor, if it and the system support the registers (XCR0) and
// Linux permits their use; 0 otherwise.
unsigned request_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kTiles) == 0) return 0;
  const unsigned instructions = d;
  constexpr unsigned kSavesState = 1u << 27;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kSavesState) == 0) return 0;
  constexpr unsigned kTileState = 3u << 17;
  asm("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  if ((a & kTileState) != kTileState) return 0;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0 ? instructions : 0;
}

unsigned amx_instructions() {
  static const unsigned instructions = request_amx();
  return instructions;
}

// The operand of LDTILECFG.
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

}  // namespace

bool has_amx_bfloat16() { return (amx_instructions() & kBfloat16) != 0; }
bool has_amx_int8() { return (amx_instructions() & kInt8) != 0; }

AmxScope::AmxScope() { configure(); }
AmxScope::~AmxScope() { release(); }

#else

bool has_amx_bfloat16() { return false; }
bool has_amx_int8() { return false; }
AmxScope::AmxScope() = default;
AmxScope::~AmxScope() = default;

#endif

}  // namespace gatewise
