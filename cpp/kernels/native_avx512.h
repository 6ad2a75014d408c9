// One AVX-512 register of 16 floats (x86-64-v4): a whole panel row.
#pragma once

// GCC 12's header leaves values uninitialised on purpose, and GCC warns where it inlines them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "core/types.h"
#include "kernels/gather_four.h"

namespace gatewise {

struct Native {
  static constexpr int kWidth = 16;
  using Type = __m512;
  using Mask = __mmask16;

  static Mask lanes_below(Index count) {
    return static_cast<Mask>(count <= 0 ? 0u : count >= 16 ? 0xffffu : (1u << count) - 1u);
  }

  static Type zero() { return _mm512_setzero_ps(); }
  static Type set(float x) { return _mm512_set1_ps(x); }
  static Type load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Type x) { _mm512_storeu_ps(p, x); }
  static Type load_partial(const float* p, Index count) {
    return _mm512_maskz_loadu_ps(lanes_below(count), p);
  }
  static void store_partial(float* p, Type x, Index count) {
    _mm512_mask_storeu_ps(p, lanes_below(count), x);
  }
  static Type add(Type a, Type b) { return _mm512_add_ps(a, b); }
  static Type sub(Type a, Type b) { return _mm512_sub_ps(a, b); }
  static Type mul(Type a, Type b) { return _mm512_mul_ps(a, b); }
  static Type div(Type a, Type b) { return _mm512_div_ps(a, b); }
  static Type fma(Type a, Type b, Type c) { return _mm512_fmadd_ps(a, b, c); }
  static Type min(Type a, Type b) { return _mm512_min_ps(a, b); }
  static Type max(Type a, Type b) { return _mm512_max_ps(a, b); }
  static Type sqrt(Type a) { return _mm512_sqrt_ps(a); }
  static Type abs(Type a) { return _mm512_abs_ps(a); }
  static Type copysign(Type magnitude, Type sign) {
    const Type bit = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
  }
  static Type round(Type a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Mask greater(Type a, Type b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  static Type select(Mask m, Type yes, Type no) { return _mm512_mask_blend_ps(m, no, yes); }
  // Transposes 16 rows of 16.
  static void transpose(Type* rows) {
    Type pairs[16], quads[16];
    for (int i = 0; i < 16; i += 2) {
      pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
      for (int j = 0; j < 2; ++j) {
        quads[i + 2 * j] = _mm512_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0x44);
        quads[i + 2 * j + 1] = _mm512_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0xee);
      }
    }
    // quads[4 q + i] holds, in quarter l, column 4 l + i of rows 4 q .. 4 q + 3.
    for (int i = 0; i < 4; ++i) {
      const Type low_even = _mm512_shuffle_f32x4(quads[i], quads[i + 4], 0x88);
      const Type low_odd = _mm512_shuffle_f32x4(quads[i], quads[i + 4], 0xdd);
      const Type high_even = _mm512_shuffle_f32x4(quads[i + 8], quads[i + 12], 0x88);
      const Type high_odd = _mm512_shuffle_f32x4(quads[i + 8], quads[i + 12], 0xdd);
      rows[i] = _mm512_shuffle_f32x4(low_even, high_even, 0x88);
      rows[i + 4] = _mm512_shuffle_f32x4(low_odd, high_odd, 0x88);
      rows[i + 8] = _mm512_shuffle_f32x4(low_even, high_even, 0xdd);
      rows[i + 12] = _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd);
    }
  }
  static float largest(Type a) { return _mm512_reduce_max_ps(a); }
  static unsigned bits(Mask m) { return m; }
  // 2^a for an integer a in [-126, 127].
  static Type exp2_whole(Type a) {
    const __m512i bits = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 23));
  }
  // Splits a positive normal a = fraction * 2^exponent with 0.5 <= fraction < 1; returns the
  // exponent.
  static Type split_exponent(Type a, Type* fraction) {
    const __m512i bits = _mm512_castps_si512(a);
    *fraction = _mm512_castsi512_ps(_mm512_or_si512(
        _mm512_and_si512(bits, _mm512_set1_epi32(0x007fffff)), _mm512_set1_epi32(0x3f000000)));
    return _mm512_cvtepi32_ps(
        _mm512_sub_epi32(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(126)));
  }

  // table[indices[lane]] by sixteen loads; the gather instruction is no faster.
  template <typename StorageIndex>
  static Type gather(const float* table, const StorageIndex* indices) {
    const auto eight = [&](const StorageIndex* at) {
      const __m256 low = _mm256_castps128_ps256(gather_four(table, at));
      return _mm256_insertf128_ps(low, gather_four(table, at + 4), 1);
    };
    return _mm512_insertf32x8(_mm512_castps256_ps512(eight(indices)), eight(indices + 8), 1);
  }

  // Widens bfloat16 values, each the upper half of a float.
  static Type load_bfloat16(const std::uint16_t* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }

  // Rounds to the nearest bfloat16, ties away from zero. Values beyond the largest become infinite,
  // and NaN may become a number.
  static Type round_bfloat16(Type a) {
    const __m512i up = _mm512_add_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x8000));
    return _mm512_castsi512_ps(
        _mm512_and_si512(up, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  }
  // Rounds to the nearest bfloat16, ties to even, as to_bfloat16 does.
  static Type nearest_bfloat16(Type a) {
    const __m512i bits = _mm512_castps_si512(a);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __m512i nan = _mm512_or_si512(bits, _mm512_set1_epi32(0x00400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_mask_mov_epi32(up, is_nan, nan),
                                                _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  }
  // Packs the upper halves of a and b in each lane, a's into the lower half; the lower half of b
  // must be zero.
  static Type join_bfloat16(Type a, Type b) {
    return _mm512_castsi512_ps(
        _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(a), 16), _mm512_castps_si512(b)));
  }

  // Rounds a and b to the nearest 16-bit integers and packs them in each lane, a's into the lower
  // half; they must fit.
  static Type join_integers(Type a, Type b) {
    const __m512i low = _mm512_and_si512(_mm512_cvtps_epi32(a), _mm512_set1_epi32(0xffff));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(_mm512_cvtps_epi32(b), 16)));
  }

  // kWidth 32-bit sums, or as many pairs of 16-bit values.
  using Integers = __m512i;
  static Integers zero_integers() { return _mm512_setzero_si512(); }
  static Integers set_pair(std::int32_t pair) { return _mm512_set1_epi32(pair); }
  static Integers load_integers(const void* p) { return _mm512_loadu_si512(p); }
  // sums + low a * low b + high a * high b for each pair.
  static Integers add_products(Integers a, Integers b, Integers sums) {
    Integers result = _mm512_add_epi32(sums, _mm512_madd_epi16(a, b));
    // Emits no instruction. Without it, GCC 12.2 computes all products of a tile before the
    // additions and runs out of registers (AVX2: 80 instead of 156 GOP/s on a core).
    asm("" : "+v"(result));
    return result;
  }
  // The same in one instruction, which not every processor of this level has (VNNI).
  static Integers add_products_fused(Integers a, Integers b, Integers sums) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(b), "v"(a));
    return sums;
  }
  // The unsigned bytes of even and of odd position, as 16-bit integers.
  static Integers even_bytes(Integers a) { return _mm512_and_si512(a, _mm512_set1_epi16(0x00ff)); }
  static Integers odd_bytes(Integers a) { return _mm512_srli_epi16(a, 8); }
  // sums + the four products of unsigned bytes of a and signed bytes of b, in each lane (VNNI).
  static Integers add_quads(Integers a, Integers b, Integers sums) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
  }
  // Bytes u f + o of the lower halves u of the bytes of `codes`; f: 16-bit factors of two bytes
  // each, u f is at most 255.
  static Integers scale_codes(Integers codes, Integers factors, Integers offsets) {
    const Integers lower = _mm512_and_si512(codes, _mm512_set1_epi8(0x0f));
    return _mm512_add_epi8(_mm512_mullo_epi16(lower, factors), offsets);
  }
  // The upper halves of the bytes as lower halves.
  static Integers upper_codes(Integers codes) { return _mm512_srli_epi16(codes, 4); }
  // As many bytes as 32-bit integers; and a b + c, modulo 2^32.
  static Integers widen_bytes(const void* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  static Integers multiply_add(Integers a, Integers b, Integers c) {
    return _mm512_add_epi32(_mm512_mullo_epi32(a, b), c);
  }
  // The lower, or the upper, halves of 32 bits as bfloat16 values, widened.
  static Type low_bfloat16(Integers a) { return _mm512_castsi512_ps(_mm512_slli_epi32(a, 16)); }
  static Type high_bfloat16(Integers a) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(a, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  }
  static void store_integers(void* p, Integers a) { _mm512_storeu_si512(p, a); }
  static Type to_floats(Integers sums) { return _mm512_cvtepi32_ps(sums); }
};

}  // namespace gatewise
