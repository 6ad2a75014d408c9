// Sizes of the register tiles of the products, for the level that this file is compiled for.
#pragma once

#include <algorithm>

#include "kernels/vector.h"

namespace gatewise {

// Registers that hold accumulators; the rest holds a panel row and a broadcast value. AVX-512 has
// 32 registers, the older levels 16 (6 x 16 on AVX2 is the usual tile, Van Zee and van de Geijn
// 2015).
#if defined(__AVX512F__)
inline constexpr int kAccumulators = 24;
inline constexpr int kTileRows = 12;
#elif defined(__AVX2__)
inline constexpr int kAccumulators = 12;
inline constexpr int kTileRows = 6;
#else
inline constexpr int kAccumulators = 12;
inline constexpr int kTileRows = 3;
#endif

// Panels that a tile of `rows` rows takes at once: few rows need several, so that enough
// independent sums are under way to hide the latency of an addition (4 cycles, 2 a cycle).
inline constexpr int tile_panels(int rows) {
  return std::clamp(kAccumulators / (Vector::kParts * rows), 1, 4);
}

}  // namespace gatewise
