#include "kernels/top_k.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/vector.h"

namespace gatewise {
namespace {

constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();

// Values i .. i + 15; NaN and lanes after the last value become -infinity.
GATEWISE_INLINE Vector load_ranks(const float* values, Index width, Index i) {
  alignas(64) static constexpr float kLane[kPanelWidth] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                           8, 9, 10, 11, 12, 13, 14, 15};
  const Vector negative_infinity = Vector::set(kNegativeInfinity);
  const Index rest = width - i;
  // If a value is NaN, max returns its second operand.
  if (rest >= kPanelWidth) return max(Vector::load(values + i), negative_infinity);
  const Vector count = Vector::set(static_cast<float>(rest));
  return max(select_greater(count, Vector::load(kLane), Vector::load_partial(values + i, rest),
                            negative_infinity),
             negative_infinity);
}

// A bound that at least k values reach. A lane's maximum over all registers is a value of the row,
// so the k-th largest of the 16 maxima is such a bound. Equal maxima count at least once.
float lower_bound(const float* values, Index width, Index k) {
  if (k > kPanelWidth) return kNegativeInfinity;
  const Vector negative_infinity = Vector::set(kNegativeInfinity);
  Vector lanes = negative_infinity;
  for (Index i = 0; i < width; i += kPanelWidth) lanes = max(load_ranks(values, width, i), lanes);
  float bound = largest_lane(lanes);
  for (Index j = 1; j < k; ++j) {
    lanes = select_greater(Vector::set(bound), lanes, lanes, negative_infinity);
    bound = largest_lane(lanes);
  }
  return bound;
}

}  // namespace

void top_k(const float* values, Index width, Index k, std::int32_t* indices) {
  const Vector bound = Vector::set(lower_bound(values, width, k));
  const auto rank = [&](Index i) {
    return values[i] > kNegativeInfinity ? values[i] : kNegativeInfinity;
  };
  Index kept = 0;
  for (Index i = 0; i < width; i += kPanelWidth) {
    // While the list fills, take all values that reach the bound; after that, those above the
    // smallest in the list.
    const Vector ranks = load_ranks(values, width, i);
    unsigned better = kept < k ? ~lanes_greater(bound, ranks)
                               : lanes_greater(ranks, Vector::set(rank(indices[k - 1])));
    better &= (1u << std::min(kPanelWidth, width - i)) - 1;
    for (; better != 0; better &= better - 1) {
      const Index index = i + std::countr_zero(better);
      const float value = rank(index);
      if (kept == k && !(value > rank(indices[k - 1]))) continue;
      Index position = kept < k ? kept++ : k - 1;
      for (; position > 0 && value > rank(indices[position - 1]); --position)
        indices[position] = indices[position - 1];
      indices[position] = static_cast<std::int32_t>(index);
    }
  }
}

}  // namespace gatewise
