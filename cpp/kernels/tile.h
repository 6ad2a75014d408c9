// Sizes of the register tiles of the products, for the level that this file is compiled for.
#pragma once

#include <algorithm>

#include "kernels/vector.h"

namespace gatewise {

// Registers that hold accumulators; the rest holds a panel row and a broadcast value. AVX-512 has
// 32 registers, the older levels 16 (6 x 16 on AVX2 is the usual tile, Van Zee and van de Geijn
// 2015). A product's tile reads its rows by a pointer each, and 12 pointers are more than AVX-512's
// code has registers for: 8 rows by 3 panels took a twentieth less than 12 by 2 (Sapphire Rapids).
// A weight gradient's tile reads packed rows.
#if defined(__AVX512F__)
inline constexpr int kAccumulators = 24;
inline constexpr int kTileRows = 8;
inline constexpr int kGradientTileRows = 12;
#elif defined(__AVX2__)
inline constexpr int kAccumulators = 12;
inline constexpr int kTileRows = 6;
inline constexpr int kGradientTileRows = 6;
#else
inline constexpr int kAccumulators = 12;
inline constexpr int kTileRows = 3;
inline constexpr int kGradientTileRows = 3;
#endif

// Panels that a tile of `rows` rows takes at once: few rows need several, so that enough
// independent sums are under way to hide the latency of an addition (4 cycles, 2 a cycle).
inline constexpr int tile_panels(int rows) {
  return std::clamp(kAccumulators / (Vector::kParts * rows), 1, 4);
}

// One or two rows pass through weights as fast as memory delivers them, and the processor's own
// prefetcher stops at the end of a page. So such a tile asks for what lies this far ahead in each
// stream of weights that it reads: a tenth less time for a row of float32 or bfloat16 weights, in
// up to four streams, and of int8 ones, in one (Zen 3, weights in main memory).
inline constexpr Index kPrefetchBytes = 512;
inline constexpr Index kSingleStreamPrefetchBytes = 1024;

template <int kRows>
GATEWISE_INLINE void prefetch_ahead(const void* weights, Index distance_bytes) {
  if constexpr (kRows <= 2) __builtin_prefetch(static_cast<const char*>(weights) + distance_bytes);
}

// The rows of a product, cut into as few tiles as can be, none much smaller than another: a tile of
// one or two rows would wait for its few sums.
class RowTiles {
 public:
  explicit RowTiles(Index rows) : rows_(rows), count_(ceil_divide(rows, kTileRows)) {}

  Index count() const { return count_; }
  Index begin(Index tile) const { return rows_ * tile / count_; }
  int rows(Index tile) const { return static_cast<int>(begin(tile + 1) - begin(tile)); }
  // Rows of the smallest tile.
  int min_rows() const { return static_cast<int>(rows_ / count_); }

 private:
  Index rows_;
  Index count_;
};

}  // namespace gatewise
