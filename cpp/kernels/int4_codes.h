// Codes of int4 panels in registers.
#pragma once

#include <algorithm>

#include "kernels/int8_sums.h"

namespace gatewise {

// A panel of int4 is short, and its bytes take more instructions than those of int8: 10 to 20 %
// less time than with 1 KB for one row with weights in main memory (Xeon with AVX-512).
inline constexpr Index kInt4PrefetchBytes = 8192;

// What turns codes of a block into integers.
struct BlockFactors {
  Integers factors, offsets;

  static GATEWISE_INLINE Integers multiply_add(const Integers& a, std::int32_t factor,
                                               std::int32_t term) {
    return Integers::make([&](int i) GATEWISE_INLINE_LAMBDA {
      return Native::multiply_add(a.part[i], Native::set_pair(factor), Native::set_pair(term));
    });
  }

  GATEWISE_INLINE BlockFactors(const Int4Panels& w, Index block, Index panel) {
    const std::uint8_t* block_scale = w.block_scale + block * w.shape.cols + panel * kPanelWidth;
    const Index width = w.shape.width(panel);
    std::uint8_t padded[kPanelWidth] = {};
    if (width < kPanelWidth) block_scale = std::copy_n(block_scale, width, padded) - width;
    const Integers scales = Integers::make([&](int i) GATEWISE_INLINE_LAMBDA {
      return Native::widen_bytes(block_scale + i * Native::kWidth);
    });
    // The scale in both halves of a lane; 128 - 8 scale in each of its bytes.
    factors = multiply_add(scales, 0x00010001, 0);
    offsets = multiply_add(scales, -0x08080808, static_cast<std::int32_t>(0x80808080u));
  }

  // Four rows, from codes in the lower halves of bytes.
  GATEWISE_INLINE Integers apply(const Integers& codes) const {
    return Integers::make([&](int i) GATEWISE_INLINE_LAMBDA {
      return Native::scale_codes(codes.part[i], factors.part[i], offsets.part[i]);
    });
  }
};

// The upper halves of the bytes as lower halves.
GATEWISE_INLINE Integers upper_codes(const Integers& codes) {
  return Integers::make([&](int i)
                            GATEWISE_INLINE_LAMBDA { return Native::upper_codes(codes.part[i]); });
}

}  // namespace gatewise
