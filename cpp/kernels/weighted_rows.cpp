#include "kernels/weighted_rows.h"

#include <algorithm>

#include "kernels/dot_rows.h"
#include "kernels/reduce.h"
#include "kernels/row_readers.h"

namespace gatewise {
namespace {

// Vectors of sums that accumulate together over all rows: 64 floats.
constexpr Index kParts = 4;

// Columns [j, j + 16 kVectors) of all rows.
template <int kVectors, typename Reader>
GATEWISE_INLINE void sum_part(const Reader& x, const std::int32_t* rows, const float* weights,
                              Index count, const float* start, float* y, Index j, Index width) {
  Vector sums[kVectors];
#pragma GCC unroll 4
  for (int p = 0; p < kVectors; ++p) {
    const Index at = j + p * kPanelWidth;
    sums[p] = start ? Vector::load_up_to(start + at, width - at) : Vector::zero();
  }
  for (Index e = 0; e < count; ++e) {
    const Vector weight = Vector::set(weights[e]);
#pragma GCC unroll 4
    for (int p = 0; p < kVectors; ++p) {
      // Rows are few and scattered: the next part of each is prefetched while this one is summed.
      x.prefetch(rows[e], j + (kVectors + p) * kPanelWidth);
      sums[p] = fma(weight, x.load(rows[e], j + p * kPanelWidth), sums[p]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kVectors; ++p) {
    const Index at = j + p * kPanelWidth;
    sums[p].store_up_to(y + at, width - at);
  }
}

template <typename Reader>
GATEWISE_INLINE void sum_rows(const Reader& x, const std::int32_t* rows, const float* weights,
                              Index count, const float* start, float* y, Index width) {
  Index j = 0;
  for (; j + kParts * kPanelWidth <= width; j += kParts * kPanelWidth)
    sum_part<kParts>(x, rows, weights, count, start, y, j, width);
  for (; j < width; j += kPanelWidth) sum_part<1>(x, rows, weights, count, start, y, j, width);
}

}  // namespace

void dots_with_rows(const float* x, Index stride, const std::int32_t* rows, Index count,
                    const float* y, float* products, Index width) {
  constexpr int kDots = 4;
  Index e = 0;
  for (; e + kDots <= count; e += kDots) {
    const float* own[kDots];
    for (int i = 0; i < kDots; ++i) own[i] = x + rows[e + i] * stride;
    dot_rows<kDots>(own, y, width, products + e);
  }
  for (; e < count; ++e) products[e] = dot(y, x + rows[e] * stride, width);
}

void weighted_rows(const float* x, Index stride, const std::int32_t* rows, const float* weights,
                   Index count, const float* start, float* y, Index width) {
  sum_rows(Float32Reader{x, stride}, rows, weights, count, start, y, width);
}

void weighted_rows(const StoredRows& x, const std::int32_t* rows, const float* weights, Index count,
                   const float* start, float* y) {
  with_row_reader(
      x, [&](const auto& reader) { sum_rows(reader, rows, weights, count, start, y, x.width); });
}

}  // namespace gatewise
