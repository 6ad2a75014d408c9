// The tile registers of AMX, eight of 16 rows of 64 bytes, and the instructions on them.
#pragma once

#include "core/types.h"

// Only at the AVX-512 level: every processor with AMX supports it.
#if defined(__AVX512F__) && defined(__linux__)
#define GATEWISE_HAS_AMX 1
#else
#define GATEWISE_HAS_AMX 0
#endif

namespace gatewise {

// Rows of a tile, and bytes of each.
inline constexpr Index kAmxRows = 16;
inline constexpr Index kAmxBytes = 64;

// True if this processor has the instructions and the system lets this process use them. The
// system is asked once; threads and forked processes inherit its permission.
bool has_amx_bfloat16();
bool has_amx_int8();

// For a scope on one thread that needs the registers: the system saves them at every thread switch
// until they are released.
class AmxScope {
 public:
  AmxScope();
  ~AmxScope();
  AmxScope(const AmxScope&) = delete;
  AmxScope& operator=(const AmxScope&) = delete;
};

#if GATEWISE_HAS_AMX

// Instructions within an AmxScope, as assembler code: GCC's intrinsics take no template arguments
// as register numbers, nor do they declare that they read and write memory.
struct AmxTiles {
  using Scope = AmxScope;

  // 16 rows of 64 bytes, `stride` bytes from one to the next.
  template <int kTile>
  static void load(const void* rows, Index stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(void* rows, Index stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
  }
  // sums[r][c] += sum_k rows[r][k] columns[k / 4][4 c + k % 4] for the 64 values k of a row, signed
  // bytes of `rows` by unsigned ones of `columns`, in 32 bits.
  template <int kSums, int kRows, int kColumns>
  static void add_bytes() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kRows), "i"(kColumns));
  }
  // The same for the 32 bfloat16 values of a row, with float32 sums.
  template <int kSums, int kRows, int kColumns>
  static void add_bfloat16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kRows), "i"(kColumns));
  }
};

#endif

}  // namespace gatewise
