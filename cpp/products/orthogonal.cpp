#include "products/orthogonal.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "kernels/gram_schmidt.h"
#include "kernels/random_fill.h"

namespace gatewise {

void fill_orthogonal(std::uint64_t seed, std::uint64_t stream, Index rows, Index cols, float* y) {
  const Index count = std::min(rows, cols), length = std::max(rows, cols);
  std::vector<float> normal(static_cast<std::size_t>(count * length));
  fill_normal(seed, stream, 0, 0.0f, 1.0f, normal.data(), count * length);
  std::vector<double> basis(normal.begin(), normal.end());
  for (Index v = 0; v < count; ++v) {
    poll_interrupt();
    orthonormalize_row(basis.data(), v, length);
  }
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < cols; ++c)
      y[r * cols + c] =
          static_cast<float>(rows <= cols ? basis[r * length + c] : basis[c * length + r]);
}

}  // namespace gatewise
