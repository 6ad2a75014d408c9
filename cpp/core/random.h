// Counter-based random numbers: a value depends only on `seed`, `stream` and `index`, not on calls
// before it.
// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", table 2).
#pragma once

#include <array>
#include <cstdint>

namespace gatewise {

using RandomBlock = std::array<std::uint32_t, 4>;

inline RandomBlock philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t block) {
  RandomBlock x{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = 0xD2511F53ull * x[0];
    const std::uint64_t product1 = 0xCD9E8D57ull * x[2];
    x = {static_cast<std::uint32_t>(product1 >> 32) ^ x[1] ^ key0,
         static_cast<std::uint32_t>(product1),
         static_cast<std::uint32_t>(product0 >> 32) ^ x[3] ^ key1,
         static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x;
}

// Uniform on [0, 1), a multiple of 2^-24.
inline float to_uniform(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

inline float uniform_at(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return to_uniform(philox(seed, stream, index / 4)[index % 4]);
}

}  // namespace gatewise
