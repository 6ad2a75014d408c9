// The 32-bit sums of int8 products, and the outputs that are made of them.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/epilogue.h"
#include "kernels/tile.h"

namespace gatewise {

// The sums of a panel's 16 columns, or 16 quads of bytes.
struct Integers {
  Native::Integers part[Vector::kParts];

  template <typename Make>
  static GATEWISE_INLINE Integers make(const Make& make) {
    Integers result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i) result.part[i] = make(i);
    return result;
  }
  static GATEWISE_INLINE Integers set(std::int32_t value) {
    return make([&](int) GATEWISE_INLINE_LAMBDA { return Native::set_pair(value); });
  }
  static GATEWISE_INLINE Integers load(const void* p) {
    return make([&](int i) GATEWISE_INLINE_LAMBDA {
      return Native::load_integers(static_cast<const std::byte*>(p) + 4 * i * Native::kWidth);
    });
  }
  GATEWISE_INLINE void store(void* p) const {
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i)
      Native::store_integers(static_cast<std::byte*>(p) + 4 * i * Native::kWidth, part[i]);
  }
  GATEWISE_INLINE Vector to_floats() const {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i) result.part[i] = Native::to_floats(part[i]);
    return result;
  }
};

// Scales the sums of at most kTileRows rows from `row` on in one panel and applies the epilogue.
inline void finish(const Integers* integers, const float* row_scales, Index row, int rows,
                   Index panel, const Int8Panels& w, const Epilogue& epilogue) {
  const Index width = w.shape.width(panel);
  const Vector column_scale = Vector::load_up_to(w.scale + panel * kPanelWidth, width);
  alignas(64) float sums[kTileRows][kPanelWidth];
  for (int r = 0; r < rows; ++r)
    (integers[r].to_floats() * Vector::set(row_scales[r]) * column_scale).store(sums[r]);
  finish(sums, row, rows, panel, width, epilogue);
}

}  // namespace gatewise
