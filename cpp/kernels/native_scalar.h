// One float: defines the interface of all vector levels, and serves processors without a vector
// level here.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/types.h"
#include "kernels/bfloat16.h"

namespace gatewise {

struct Native {
  static constexpr int kWidth = 1;
  using Type = float;
  using Mask = bool;

  static Type zero() { return 0.0f; }
  static Type set(float x) { return x; }
  static Type load(const float* p) { return *p; }
  static void store(float* p, Type x) { *p = x; }
  static Type load_partial(const float* p, Index count) { return count > 0 ? *p : 0.0f; }
  static void store_partial(float* p, Type x, Index count) {
    if (count > 0) *p = x;
  }
  static Type add(Type a, Type b) { return a + b; }
  static Type sub(Type a, Type b) { return a - b; }
  static Type mul(Type a, Type b) { return a * b; }
  static Type div(Type a, Type b) { return a / b; }
  static Type fma(Type a, Type b, Type c) { return __builtin_fmaf(a, b, c); }
  static Type min(Type a, Type b) { return a < b ? a : b; }
  static Type max(Type a, Type b) { return a > b ? a : b; }
  static Type sqrt(Type a) { return std::sqrt(a); }
  static Type abs(Type a) { return std::fabs(a); }
  static Type copysign(Type magnitude, Type sign) { return std::copysign(magnitude, sign); }
  static Type round(Type a) { return std::nearbyint(a); }
  static Mask greater(Type a, Type b) { return a > b; }
  static Type select(Mask m, Type yes, Type no) { return m ? yes : no; }
  static void transpose(Type*) {}
  static float largest(Type a) { return a; }
  static unsigned bits(Mask m) { return m; }
  // 2^a for an integer a in [-126, 127].
  static Type exp2_whole(Type a) {
    return std::bit_cast<float>((static_cast<std::int32_t>(a) + 127) << 23);
  }
  // Splits a positive normal a = fraction * 2^exponent with 0.5 <= fraction < 1; returns the
  // exponent.
  static Type split_exponent(Type a, Type* fraction) {
    const auto bits = std::bit_cast<std::uint32_t>(a);
    *fraction = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);
    return static_cast<float>(static_cast<int>(bits >> 23) - 126);
  }

  // table[indices[lane]]
  template <typename StorageIndex>
  static Type gather(const float* table, const StorageIndex* indices) {
    return table[*indices];
  }

  // Widens a bfloat16 value, the upper half of a float.
  static Type load_bfloat16(const std::uint16_t* p) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(*p) << 16);
  }

  // Rounds to the nearest bfloat16, ties away from zero. Values beyond the largest become infinite,
  // and NaN may become a number.
  static Type round_bfloat16(Type a) {
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(a) + 0x8000u) & 0xffff0000u);
  }
  // Rounds to the nearest bfloat16, ties to even.
  static Type nearest_bfloat16(Type a) { return from_bfloat16(to_bfloat16(a)); }
  // Packs the upper halves of a and b, a's into the lower half; the lower half of b must be zero.
  static Type join_bfloat16(Type a, Type b) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) >> 16 |
                                std::bit_cast<std::uint32_t>(b));
  }

  // Rounds a and b to the nearest 16-bit integers and packs them, a's into the lower half; they
  // must fit.
  static Type join_integers(Type a, Type b) {
    const auto bits = [](float x) { return static_cast<std::uint32_t>(std::lrint(x)); };
    return std::bit_cast<float>((bits(a) & 0xffffu) | bits(b) << 16);
  }

  // A 32-bit sum, or a pair of 16-bit values.
  using Integers = std::int32_t;
  static Integers zero_integers() { return 0; }
  static Integers set_pair(std::int32_t pair) { return pair; }
  static Integers load_integers(const void* p) {
    Integers result;
    std::memcpy(&result, p, sizeof result);
    return result;
  }
  // sum + low a * low b + high a * high b, modulo 2^32.
  static Integers add_products(Integers a, Integers b, Integers sum) {
    const Integers low = static_cast<std::int16_t>(a) * static_cast<std::int16_t>(b);
    const Integers high = (a >> 16) * (b >> 16);
    return static_cast<Integers>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(low) +
                                 static_cast<std::uint32_t>(high));
  }
  static Integers add_products_fused(Integers a, Integers b, Integers sum) {
    return add_products(a, b, sum);
  }
  // The unsigned bytes of even and of odd position, as 16-bit integers.
  static Integers even_bytes(Integers a) { return a & 0x00ff00ff; }
  static Integers odd_bytes(Integers a) {
    return static_cast<Integers>(static_cast<std::uint32_t>(a) >> 8 & 0x00ff00ffu);
  }
  // Only for processors of higher levels.
  static Integers add_quads(Integers, Integers, Integers sum) { return sum; }
  // Bytes u f + o of the lower halves u of the bytes of `codes`; f: 16-bit factors of two bytes
  // each, u f is at most 255.
  static Integers scale_codes(Integers codes, Integers factors, Integers offsets) {
    const auto lower = static_cast<std::uint32_t>(codes) & 0x0f0f0f0fu;
    const auto factor = static_cast<std::uint32_t>(factors);
    const std::uint32_t first = (lower & 0xffffu) * (factor & 0xffffu) & 0xffffu;
    const std::uint32_t a = first | (lower >> 16) * (factor >> 16) << 16;
    const auto b = static_cast<std::uint32_t>(offsets);
    // Adds the bytes without their carries.
    constexpr std::uint32_t kRest = 0x7f7f7f7fu;
    return static_cast<Integers>(((a & kRest) + (b & kRest)) ^ ((a ^ b) & ~kRest));
  }
  // The upper halves of the bytes as lower halves.
  static Integers upper_codes(Integers codes) {
    return static_cast<Integers>(static_cast<std::uint32_t>(codes) >> 4);
  }
  // A byte as a 32-bit integer; and a b + c, modulo 2^32.
  static Integers widen_bytes(const void* p) { return *static_cast<const std::uint8_t*>(p); }
  static Integers multiply_add(Integers a, Integers b, Integers c) {
    return static_cast<Integers>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b) +
                                 static_cast<std::uint32_t>(c));
  }
  // The lower, or the upper, halves of 32 bits as bfloat16 values, widened.
  static Type low_bfloat16(Integers a) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(a) << 16);
  }
  static Type high_bfloat16(Integers a) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(a) & 0xffff0000u);
  }
  static void store_integers(void* p, Integers a) { std::memcpy(p, &a, sizeof a); }
  static Type to_floats(Integers sum) { return static_cast<float>(sum); }
};

}  // namespace gatewise
