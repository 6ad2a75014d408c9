// Tiles for kernels that are templates over AMX's instructions.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/types.h"

namespace gatewise::reference {

// The arithmetic of AMX in plain loops.
class EmulatedTiles {
 public:
  struct Scope {};
  static constexpr int kRows = 16, kBytes = 64;
  static inline std::uint8_t tiles[8][kRows][kBytes];

  template <int kTile>
  static void load(const void* rows, Index stride) {
    for (int r = 0; r < kRows; ++r)
      std::memcpy(tiles[kTile][r], static_cast<const std::byte*>(rows) + r * stride, kBytes);
  }
  template <int kTile>
  static void store(void* rows, Index stride) {
    for (int r = 0; r < kRows; ++r)
      std::memcpy(static_cast<std::byte*>(rows) + r * stride, tiles[kTile][r], kBytes);
  }
  template <int kSums, int kOfRows, int kColumns>
  static void add_bytes() {
    for (int r = 0; r < kRows; ++r)
      for (int c = 0; c < 16; ++c) {
        std::int32_t sum;
        std::memcpy(&sum, tiles[kSums][r] + 4 * c, sizeof sum);
        for (int k = 0; k < kBytes; ++k)
          sum += static_cast<std::int8_t>(tiles[kOfRows][r][k]) *
                 tiles[kColumns][k / 4][4 * c + k % 4];
        std::memcpy(tiles[kSums][r] + 4 * c, &sum, sizeof sum);
      }
  }
  template <int kSums, int kOfRows, int kColumns>
  static void add_bfloat16() {
    for (int r = 0; r < kRows; ++r)
      for (int c = 0; c < 16; ++c) {
        float sum, of_parity[2] = {};
        std::memcpy(&sum, tiles[kSums][r] + 4 * c, sizeof sum);
        for (int k = 0; k < kBytes / 2; ++k)
          of_parity[k % 2] = std::fma(value(kOfRows, r, k), value(kColumns, k / 2, 2 * c + k % 2),
                                      of_parity[k % 2]);
        sum = (of_parity[0] + of_parity[1]) + sum;
        std::memcpy(tiles[kSums][r] + 4 * c, &sum, sizeof sum);
      }
  }

 private:
  // A bfloat16 value of a tile's row.
  static float value(int tile, int row, int index) {
    std::uint16_t bits;
    std::memcpy(&bits, tiles[tile][row] + 2 * index, sizeof bits);
    const std::uint32_t whole = static_cast<std::uint32_t>(bits) << 16;
    float result;
    std::memcpy(&result, &whole, sizeof result);
    return result;
  }
};

}  // namespace gatewise::reference
