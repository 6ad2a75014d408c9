// One SSE4.2 register of 4 floats (x86-64-v2). This level has no fused multiply-add: `fma` rounds
// twice.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "core/types.h"
#include "kernels/gather_four.h"

namespace gatewise {

struct Native {
  static constexpr int kWidth = 4;
  using Type = __m128;
  using Mask = __m128;

  static Type zero() { return _mm_setzero_ps(); }
  static Type set(float x) { return _mm_set1_ps(x); }
  static Type load(const float* p) { return _mm_loadu_ps(p); }
  static void store(float* p, Type x) { _mm_storeu_ps(p, x); }
  static Type load_partial(const float* p, Index count) {
    alignas(16) float lanes[4] = {0, 0, 0, 0};
    for (Index i = 0; i < count && i < 4; ++i) lanes[i] = p[i];
    return _mm_load_ps(lanes);
  }
  static void store_partial(float* p, Type x, Index count) {
    alignas(16) float lanes[4];
    _mm_store_ps(lanes, x);
    for (Index i = 0; i < count && i < 4; ++i) p[i] = lanes[i];
  }
  static Type add(Type a, Type b) { return _mm_add_ps(a, b); }
  static Type sub(Type a, Type b) { return _mm_sub_ps(a, b); }
  static Type mul(Type a, Type b) { return _mm_mul_ps(a, b); }
  static Type div(Type a, Type b) { return _mm_div_ps(a, b); }
  static Type fma(Type a, Type b, Type c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
  static Type min(Type a, Type b) { return _mm_min_ps(a, b); }
  static Type max(Type a, Type b) { return _mm_max_ps(a, b); }
  static Type sqrt(Type a) { return _mm_sqrt_ps(a); }
  static Type abs(Type a) { return _mm_andnot_ps(_mm_set1_ps(-0.0f), a); }
  static Type copysign(Type magnitude, Type sign) {
    const Type bit = _mm_set1_ps(-0.0f);
    return _mm_or_ps(_mm_andnot_ps(bit, magnitude), _mm_and_ps(bit, sign));
  }
  static Type round(Type a) {
    return _mm_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Mask greater(Type a, Type b) { return _mm_cmpgt_ps(a, b); }
  static Type select(Mask m, Type yes, Type no) { return _mm_blendv_ps(no, yes, m); }
  // Transposes 4 rows of 4.
  static void transpose(Type* rows) { _MM_TRANSPOSE4_PS(rows[0], rows[1], rows[2], rows[3]); }
  static float largest(Type a) {
    const __m128 x = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
  }
  static unsigned bits(Mask m) { return static_cast<unsigned>(_mm_movemask_ps(m)); }
  // 2^a for an integer a in [-126, 127].
  static Type exp2_whole(Type a) {
    const __m128i bits = _mm_add_epi32(_mm_cvtps_epi32(a), _mm_set1_epi32(127));
    return _mm_castsi128_ps(_mm_slli_epi32(bits, 23));
  }
  // Splits a positive normal a = fraction * 2^exponent with 0.5 <= fraction < 1; returns the
  // exponent.
  static Type split_exponent(Type a, Type* fraction) {
    const __m128i bits = _mm_castps_si128(a);
    *fraction = _mm_castsi128_ps(
        _mm_or_si128(_mm_and_si128(bits, _mm_set1_epi32(0x007fffff)), _mm_set1_epi32(0x3f000000)));
    return _mm_cvtepi32_ps(_mm_sub_epi32(_mm_srli_epi32(bits, 23), _mm_set1_epi32(126)));
  }

  template <typename StorageIndex>
  static Type gather(const float* table, const StorageIndex* indices) {
    return gather_four(table, indices);
  }

  // Widens bfloat16 values, each the upper half of a float.
  static Type load_bfloat16(const std::uint16_t* p) {
    const __m128i halves = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(halves), 16));
  }

  // Rounds to the nearest bfloat16, ties away from zero. Values beyond the largest become infinite,
  // and NaN may become a number.
  static Type round_bfloat16(Type a) {
    const __m128i up = _mm_add_epi32(_mm_castps_si128(a), _mm_set1_epi32(0x8000));
    return _mm_castsi128_ps(_mm_and_si128(up, _mm_set1_epi32(static_cast<int>(0xffff0000))));
  }
  // Rounds to the nearest bfloat16, ties to even, as to_bfloat16 does.
  static Type nearest_bfloat16(Type a) {
    const __m128i bits = _mm_castps_si128(a);
    const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
    const __m128i up = _mm_add_epi32(_mm_add_epi32(bits, _mm_set1_epi32(0x7fff)), odd);
    const __m128i nan = _mm_or_si128(bits, _mm_set1_epi32(0x00400000));
    const Type chosen =
        _mm_blendv_ps(_mm_castsi128_ps(up), _mm_castsi128_ps(nan), _mm_cmpunord_ps(a, a));
    return _mm_and_ps(chosen, _mm_castsi128_ps(_mm_set1_epi32(static_cast<int>(0xffff0000))));
  }
  // Packs the upper halves of a and b in each lane, a's into the lower half; the lower half of b
  // must be zero.
  static Type join_bfloat16(Type a, Type b) {
    return _mm_castsi128_ps(
        _mm_or_si128(_mm_srli_epi32(_mm_castps_si128(a), 16), _mm_castps_si128(b)));
  }

  // Rounds a and b to the nearest 16-bit integers and packs them in each lane, a's into the lower
  // half; they must fit.
  static Type join_integers(Type a, Type b) {
    const __m128i low = _mm_and_si128(_mm_cvtps_epi32(a), _mm_set1_epi32(0xffff));
    return _mm_castsi128_ps(_mm_or_si128(low, _mm_slli_epi32(_mm_cvtps_epi32(b), 16)));
  }

  // kWidth 32-bit sums, or as many pairs of 16-bit values.
  using Integers = __m128i;
  static Integers zero_integers() { return _mm_setzero_si128(); }
  static Integers set_pair(std::int32_t pair) { return _mm_set1_epi32(pair); }
  static Integers load_integers(const void* p) {
    return _mm_loadu_si128(static_cast<const __m128i*>(p));
  }
  // sums + low a * low b + high a * high b for each pair.
  static Integers add_products(Integers a, Integers b, Integers sums) {
    Integers result = _mm_add_epi32(sums, _mm_madd_epi16(a, b));
    // Emits no instruction. Without it, GCC 12.2 computes all products of a tile before the
    // additions and runs out of registers (AVX2: 80 instead of 156 GOP/s on a core).
    asm("" : "+x"(result));
    return result;
  }
  static Integers add_products_fused(Integers a, Integers b, Integers sums) {
    return add_products(a, b, sums);
  }
  // The unsigned bytes of even and of odd position, as 16-bit integers.
  static Integers even_bytes(Integers a) { return _mm_and_si128(a, _mm_set1_epi16(0x00ff)); }
  static Integers odd_bytes(Integers a) { return _mm_srli_epi16(a, 8); }
  // Only for processors of higher levels.
  static Integers add_quads(Integers, Integers, Integers sums) { return sums; }
  // Bytes u f + o of the lower halves u of the bytes of `codes`; f: 16-bit factors of two bytes
  // each, u f is at most 255.
  static Integers scale_codes(Integers codes, Integers factors, Integers offsets) {
    const Integers lower = _mm_and_si128(codes, _mm_set1_epi8(0x0f));
    return _mm_add_epi8(_mm_mullo_epi16(lower, factors), offsets);
  }
  // The upper halves of the bytes as lower halves.
  static Integers upper_codes(Integers codes) { return _mm_srli_epi16(codes, 4); }
  // As many bytes as 32-bit integers; and a b + c, modulo 2^32.
  static Integers widen_bytes(const void* p) {
    std::int32_t bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes));
  }
  static Integers multiply_add(Integers a, Integers b, Integers c) {
    return _mm_add_epi32(_mm_mullo_epi32(a, b), c);
  }
  // The lower, or the upper, halves of 32 bits as bfloat16 values, widened.
  static Type low_bfloat16(Integers a) { return _mm_castsi128_ps(_mm_slli_epi32(a, 16)); }
  static Type high_bfloat16(Integers a) {
    return _mm_castsi128_ps(_mm_and_si128(a, _mm_set1_epi32(static_cast<int>(0xffff0000))));
  }
  static void store_integers(void* p, Integers a) { _mm_storeu_si128(static_cast<__m128i*>(p), a); }
  static Type to_floats(Integers sums) { return _mm_cvtepi32_ps(sums); }
};

}  // namespace gatewise
