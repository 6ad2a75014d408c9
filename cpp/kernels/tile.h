// Sizes of the register tiles of the products, for the level that this file is compiled for.
#pragma once

#include <algorithm>

#include "kernels/vector.h"

namespace gatewise {

// Registers for accumulators; the others hold a panel row and a broadcast value. AVX-512 has 32
// registers, the older levels 16 (6 x 16 on AVX2 is the usual tile, Van Zee and van de Geijn 2015).
// A product's tile reads each row through a pointer, and AVX-512 code has too few registers for 12
// pointers: 8 rows by 3 panels took 5 % less time than 12 by 2 (Sapphire Rapids). A weight
// gradient's tile reads packed rows.
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

// Panels that a tile of `rows` rows processes together. Few rows need several panels, so that
// enough independent sums hide the latency of an addition (4 cycles, two start per cycle).
inline constexpr int tile_panels(int rows) {
  return std::clamp(kAccumulators / (Vector::kParts * rows), 1, 4);
}

// One or two rows read weights as fast as memory delivers them, and the hardware prefetcher stops
// at the end of a page. Such a tile therefore prefetches this far ahead in each of its streams of
// weights: 10 % less time for one row with float32 or bfloat16 weights (up to four streams) or int8
// weights (one stream), with weights in main memory (Zen 3).
inline constexpr Index kPrefetchBytes = 512;
inline constexpr Index kSingleStreamPrefetchBytes = 1024;

template <int kRows>
GATEWISE_INLINE void prefetch_ahead(const void* weights, Index distance_bytes) {
  if constexpr (kRows <= 2) __builtin_prefetch(static_cast<const char*>(weights) + distance_bytes);
}

// Divides the rows of a product into as few tiles as possible, of nearly equal size: a tile of one
// or two rows would wait for its few sums.
class RowTiles {
 public:
  explicit RowTiles(Index rows, Index most = kTileRows)
      : rows_(rows), count_(ceil_divide(rows, most)) {}

  Index count() const { return count_; }
  Index begin(Index tile) const { return rows_ * tile / count_; }
  int rows(Index tile) const { return static_cast<int>(begin(tile + 1) - begin(tile)); }
  // Rows of the largest and of the smallest tile.
  int max_rows() const { return static_cast<int>(ceil_divide(rows_, count_)); }
  int min_rows() const { return static_cast<int>(rows_ / count_); }

 private:
  Index rows_;
  Index count_;
};

}  // namespace gatewise
