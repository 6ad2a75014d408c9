#include "layers/square_error.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"

namespace gatewise {

double square_error(float* y, const ErrorShape& shape, const Expected& expected, float weight,
                    Arena& arena) {
  float* row_errors = arena.take<float>(shape.rows);
  const float factor = 2 * weight / static_cast<float>(shape.rows * shape.width);
  parallel_for(shape.rows, static_cast<double>(4 * shape.width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* row = y + i * shape.stride;
      if (expected.values) add_scaled(expected.row(i, shape.width), -1.0f, row, shape.width);
      std::fill(row + shape.width, row + shape.stride, 0.0f);
      row_errors[i] = expected.weight(i) * dot(row, row, shape.width);
      set_scaled(row, factor * expected.weight(i), row, shape.width);
    }
  });
  double sum = 0;
  for (Index i = 0; i < shape.rows; ++i) sum += row_errors[i];
  return weight * sum / static_cast<double>(shape.rows * shape.width);
}

}  // namespace gatewise
