#include "kernels/weighted_rows.h"

#include <algorithm>

#include "kernels/dot_rows.h"
#include "kernels/reduce.h"

namespace gatewise {
namespace {

// Vectors of sums that accumulate together over all rows: 64 floats.
constexpr Index kParts = 4;

template <int kVectors>
GATEWISE_INLINE void sum_part(const float* x, Index stride, const std::int32_t* rows,
                              const float* weights, Index count, const float* start, float* y,
                              Index width) {
  Vector sums[kVectors];
#pragma GCC unroll 4
  for (int p = 0; p < kVectors; ++p)
    sums[p] = start ? Vector::load_up_to(start + p * kPanelWidth, width - p * kPanelWidth)
                    : Vector::zero();
  for (Index e = 0; e < count; ++e) {
    const float* row = x + rows[e] * stride;
    const Vector weight = Vector::set(weights[e]);
#pragma GCC unroll 4
    for (int p = 0; p < kVectors; ++p) {
      // Rows are few and scattered: the next part of each is prefetched while this one is summed.
      __builtin_prefetch(row + (kVectors + p) * kPanelWidth);
      sums[p] = fma(weight, Vector::load(row + p * kPanelWidth), sums[p]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kVectors; ++p)
    sums[p].store_up_to(y + p * kPanelWidth, width - p * kPanelWidth);
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
  const auto at = [&](Index j) { return start ? start + j : nullptr; };
  Index j = 0;
  for (; j + kParts * kPanelWidth <= width; j += kParts * kPanelWidth)
    sum_part<kParts>(x + j, stride, rows, weights, count, at(j), y + j, width - j);
  for (; j < width; j += kPanelWidth)
    sum_part<1>(x + j, stride, rows, weights, count, at(j), y + j, width - j);
}

}  // namespace gatewise
