// bfloat16: the upper half of a float32, 8 significant bits.
#pragma once

#include <bit>
#include <cstdint>

namespace gatewise {

// The bfloat16 nearest to a finite x, ties to even; above the largest bfloat16 by half a step or
// more, infinity.
inline std::uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  // Half of the last kept bit less one, and that bit: a tie goes up where it is odd.
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float from_bfloat16(std::uint16_t x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16);
}

}  // namespace gatewise
