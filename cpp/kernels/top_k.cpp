#include "kernels/top_k.h"

#include <cmath>
#include <limits>

namespace gatewise {

void top_k(const float* values, Index width, Index k, std::int32_t* indices) {
  // Insertion into a sorted list of k: one comparison for most values once the list has filled.
  const auto score = [&](std::int32_t i) {
    return std::isnan(values[i]) ? -std::numeric_limits<float>::infinity() : values[i];
  };
  Index kept = 0;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(width); ++i) {
    const float value = score(i);
    if (kept == k && !(value > score(indices[k - 1]))) continue;
    Index place = kept < k ? kept++ : k - 1;
    for (; place > 0 && value > score(indices[place - 1]); --place)
      indices[place] = indices[place - 1];
    indices[place] = i;
  }
}

}  // namespace gatewise
