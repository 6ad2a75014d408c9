// Readers of stored rows, which widen 16 values at a time to float32.
#pragma once

#include "core/quantized_panels.h"
#include "kernels/vector.h"

namespace gatewise {

GATEWISE_INLINE Vector load_bfloat16(const std::uint16_t* p) {
  Vector result;
#pragma GCC unroll 16
  for (int i = 0; i < Vector::kParts; ++i)
    result.part[i] = Native::load_bfloat16(p + i * Native::kWidth);
  return result;
}

// Pairs of bfloat16 values in 16 lanes.
struct Bfloat16Pairs {
  Native::Integers part[Vector::kParts];

  static GATEWISE_INLINE Bfloat16Pairs load(const std::uint16_t* p) {
    Bfloat16Pairs result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i)
      result.part[i] = Native::load_integers(p + i * 2 * Native::kWidth);
    return result;
  }
  // The first, or the second, value of each pair, widened.
  GATEWISE_INLINE Vector low() const { return map(Native::low_bfloat16); }
  GATEWISE_INLINE Vector high() const { return map(Native::high_bfloat16); }

 private:
  template <typename Operation>
  GATEWISE_INLINE Vector map(Operation operation) const {
    Vector result;
#pragma GCC unroll 16
    for (int i = 0; i < Vector::kParts; ++i) result.part[i] = operation(part[i]);
    return result;
  }
};

// load(i, j) = W[i, j .. j + 15]; j is a multiple of 16.
struct Float32Reader {
  const float* data;
  Index stride;

  GATEWISE_INLINE Vector load(Index i, Index j) const {
    return Vector::load(data + i * stride + j);
  }
  GATEWISE_INLINE void prefetch(Index i, Index j) const {
    __builtin_prefetch(data + i * stride + j);
  }
};

struct Bfloat16Reader {
  const StoredRows& w;

  GATEWISE_INLINE Vector load(Index i, Index j) const {
    return load_bfloat16(w.bfloat16_row(i) + j);
  }
  GATEWISE_INLINE void prefetch(Index i, Index j) const {
    __builtin_prefetch(w.bfloat16_row(i) + j);
  }
};

struct Int8Reader {
  const StoredRows& w;

  GATEWISE_INLINE Vector load(Index i, Index j) const {
    const std::uint8_t* values = w.int8_row(i) + j;
    alignas(64) float lanes[kPanelWidth];
    for (Index lane = 0; lane < kPanelWidth; ++lane)
      lanes[lane] = static_cast<float>(static_cast<std::int32_t>(values[lane]) - 128);
    return Vector::load(lanes) * Vector::set(w.scale[i]);
  }
  GATEWISE_INLINE void prefetch(Index i, Index j) const { __builtin_prefetch(w.int8_row(i) + j); }
};

// use(reader of w).
template <typename Use>
GATEWISE_INLINE void with_row_reader(const StoredRows& w, const Use& use) {
  if (w.is_float32()) return use(Float32Reader{w.float32(), w.stride});
  if (w.storage == Storage::kBfloat16) return use(Bfloat16Reader{w});
  return use(Int8Reader{w});
}

}  // namespace gatewise
