// bfloat16: the upper half of a float32, 8 significant bits.
#pragma once

#include <bit>
#include <cstdint>

namespace gatewise {

// Rounds x to the nearest bfloat16, ties to even; NaN stays NaN. Values that exceed the largest
// bfloat16 by half a step or more become infinite.
inline std::uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  // Adds half of the last kept bit, less one, plus that bit itself: a tie rounds up if the bit is
  // odd.
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<std::uint16_t>((is_nan ? bits | 0x00400000u : rounded) >> 16);
}

inline float from_bfloat16(std::uint16_t x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16);
}

}  // namespace gatewise
