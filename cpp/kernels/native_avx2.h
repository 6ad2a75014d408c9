// One AVX register of 8 floats with fused multiply-add (x86-64-v3).
#pragma once

#include <immintrin.h>

#include "core/types.h"
#include "kernels/gather_four.h"

namespace gatewise {

struct Native {
  static constexpr int kWidth = 8;
  using Type = __m256;
  using Mask = __m256;

  static __m256i lanes_below(Index count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
  }

  static Type zero() { return _mm256_setzero_ps(); }
  static Type set(float x) { return _mm256_set1_ps(x); }
  static Type load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Type x) { _mm256_storeu_ps(p, x); }
  static Type load_partial(const float* p, Index count) {
    return _mm256_maskload_ps(p, lanes_below(count));
  }
  static void store_partial(float* p, Type x, Index count) {
    _mm256_maskstore_ps(p, lanes_below(count), x);
  }
  static Type add(Type a, Type b) { return _mm256_add_ps(a, b); }
  static Type sub(Type a, Type b) { return _mm256_sub_ps(a, b); }
  static Type mul(Type a, Type b) { return _mm256_mul_ps(a, b); }
  static Type div(Type a, Type b) { return _mm256_div_ps(a, b); }
  static Type fma(Type a, Type b, Type c) { return _mm256_fmadd_ps(a, b, c); }
  static Type min(Type a, Type b) { return _mm256_min_ps(a, b); }
  static Type max(Type a, Type b) { return _mm256_max_ps(a, b); }
  static Type sqrt(Type a) { return _mm256_sqrt_ps(a); }
  static Type abs(Type a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  static Type copysign(Type magnitude, Type sign) {
    const Type bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
  }
  static Type round(Type a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Mask greater(Type a, Type b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
  static Type select(Mask m, Type yes, Type no) { return _mm256_blendv_ps(no, yes, m); }
  // Transposes 8 rows of 8.
  static void transpose(Type* rows) {
    Type pairs[8], quads[8];
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      for (int j = 0; j < 2; ++j) {
        quads[i + 2 * j] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0x44);
        quads[i + 2 * j + 1] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0xee);
      }
    }
    for (int i = 0; i < 4; ++i) {
      rows[i] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
      rows[i + 4] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
    }
  }
  static float largest(Type a) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
  }
  static unsigned bits(Mask m) { return static_cast<unsigned>(_mm256_movemask_ps(m)); }
  // 2^a for an integer a in [-126, 127].
  static Type exp2_whole(Type a) {
    const __m256i bits = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 23));
  }
  // Splits a positive normal a = fraction * 2^exponent with 0.5 <= fraction < 1; returns the
  // exponent.
  static Type split_exponent(Type a, Type* fraction) {
    const __m256i bits = _mm256_castps_si256(a);
    *fraction = _mm256_castsi256_ps(_mm256_or_si256(
        _mm256_and_si256(bits, _mm256_set1_epi32(0x007fffff)), _mm256_set1_epi32(0x3f000000)));
    return _mm256_cvtepi32_ps(
        _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126)));
  }

  // table[indices[lane]] by eight loads, in half the time of the gather instruction (Zen 5).
  template <typename StorageIndex>
  static Type gather(const float* table, const StorageIndex* indices) {
    const __m256 low = _mm256_castps128_ps256(gather_four(table, indices));
    return _mm256_insertf128_ps(low, gather_four(table, indices + 4), 1);
  }

  // Widens bfloat16 values, each the upper half of a float.
  static Type load_bfloat16(const std::uint16_t* p) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }

  // Rounds to the nearest bfloat16, ties away from zero. Values beyond the largest become infinite,
  // and NaN may become a number.
  static Type round_bfloat16(Type a) {
    const __m256i up = _mm256_add_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(0x8000));
    return _mm256_castsi256_ps(
        _mm256_and_si256(up, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
  }
  // Rounds to the nearest bfloat16, ties to even, as to_bfloat16 does.
  static Type nearest_bfloat16(Type a) {
    const __m256i bits = _mm256_castps_si256(a);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i nan = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
    const Type chosen = _mm256_blendv_ps(_mm256_castsi256_ps(up), _mm256_castsi256_ps(nan),
                                         _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    return _mm256_and_ps(chosen,
                         _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000))));
  }
  // Packs the upper halves of a and b in each lane, a's into the lower half; the lower half of b
  // must be zero.
  static Type join_bfloat16(Type a, Type b) {
    return _mm256_castsi256_ps(
        _mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(a), 16), _mm256_castps_si256(b)));
  }

  // Rounds a and b to the nearest 16-bit integers and packs them in each lane, a's into the lower
  // half; they must fit.
  static Type join_integers(Type a, Type b) {
    const __m256i low = _mm256_and_si256(_mm256_cvtps_epi32(a), _mm256_set1_epi32(0xffff));
    return _mm256_castsi256_ps(_mm256_or_si256(low, _mm256_slli_epi32(_mm256_cvtps_epi32(b), 16)));
  }

  // kWidth 32-bit sums, or as many pairs of 16-bit values.
  using Integers = __m256i;
  static Integers zero_integers() { return _mm256_setzero_si256(); }
  static Integers set_pair(std::int32_t pair) { return _mm256_set1_epi32(pair); }
  static Integers load_integers(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  // sums + low a * low b + high a * high b for each pair.
  static Integers add_products(Integers a, Integers b, Integers sums) {
    Integers result = _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
    // Emits no instruction. Without it, GCC 12.2 computes all products of a tile before the
    // additions and runs out of registers (AVX2: 80 instead of 156 GOP/s on a core).
    asm("" : "+x"(result));
    return result;
  }
  // The same in one instruction, which few processors of this level have (AVX-VNNI).
  static Integers add_products_fused(Integers a, Integers b, Integers sums) {
    asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sums) : "x"(b), "x"(a));
    return sums;
  }
  // The unsigned bytes of even and of odd position, as 16-bit integers.
  static Integers even_bytes(Integers a) { return _mm256_and_si256(a, _mm256_set1_epi16(0x00ff)); }
  static Integers odd_bytes(Integers a) { return _mm256_srli_epi16(a, 8); }
  // sums + the four products of unsigned bytes of a and signed bytes of b, in each lane (AVX-VNNI).
  static Integers add_quads(Integers a, Integers b, Integers sums) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(a), "x"(b));
    return sums;
  }
  // Bytes u f + o of the lower halves u of the bytes of `codes`; f: 16-bit factors of two bytes
  // each, u f is at most 255.
  static Integers scale_codes(Integers codes, Integers factors, Integers offsets) {
    const Integers lower = _mm256_and_si256(codes, _mm256_set1_epi8(0x0f));
    return _mm256_add_epi8(_mm256_mullo_epi16(lower, factors), offsets);
  }
  // The upper halves of the bytes as lower halves.
  static Integers upper_codes(Integers codes) { return _mm256_srli_epi16(codes, 4); }
  // As many bytes as 32-bit integers; and a b + c, modulo 2^32.
  static Integers widen_bytes(const void* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
  }
  static Integers multiply_add(Integers a, Integers b, Integers c) {
    return _mm256_add_epi32(_mm256_mullo_epi32(a, b), c);
  }
  // The lower, or the upper, halves of 32 bits as bfloat16 values, widened.
  static Type low_bfloat16(Integers a) { return _mm256_castsi256_ps(_mm256_slli_epi32(a, 16)); }
  static Type high_bfloat16(Integers a) {
    return _mm256_castsi256_ps(
        _mm256_and_si256(a, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
  }
  static void store_integers(void* p, Integers a) {
    _mm256_storeu_si256(static_cast<__m256i*>(p), a);
  }
  static Type to_floats(Integers sums) { return _mm256_cvtepi32_ps(sums); }
};

}  // namespace gatewise
