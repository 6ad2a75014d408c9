#include "kernels/chosen_columns.h"

#include <algorithm>

#include "kernels/vector.h"

namespace gatewise {

void transpose_columns(const Panels& w, Index begin, const Index* counts, float* out) {
  const Index rows = std::min(kTransposedRows, w.shape.rows - begin);
  for (Index panel = 0; panel < w.shape.panels(); ++panel) {
    const Index width = w.shape.width(panel), stride = w.shape.stride(panel);
    const float* from = w.panel(panel) + begin * stride;
    for (Index lane = 0; lane < width; ++lane) {
      const Index column = panel * kPanelWidth + lane;
      if (counts[column] == 0) continue;
      float* to = out + column * kTransposedRows;
      for (Index r = 0; r < rows; ++r) to[r] = from[r * stride + lane];
      std::fill(to + rows, to + kTransposedRows, 0.0f);
    }
  }
}

void add_chosen_columns(const float* transposed, const std::int32_t* columns, const float* d,
                        Index count, float* d_x, Index rows) {
  constexpr Index kParts = kTransposedRows / kPanelWidth;
  Vector sums[kParts];
#pragma GCC unroll 4
  for (Vector& sum : sums) sum = Vector::zero();
  for (Index s = 0; s < count; ++s) {
    const float* column = transposed + columns[s] * kTransposedRows;
    const Vector value = Vector::set(d[s]);
#pragma GCC unroll 4
    for (Index p = 0; p < kParts; ++p)
      sums[p] = fma(value, Vector::load(column + p * kPanelWidth), sums[p]);
  }
#pragma GCC unroll 4
  for (Index p = 0; p < kParts; ++p) {
    const Index at = p * kPanelWidth, rest = rows - at;
    if (rest > 0) (Vector::load_up_to(d_x + at, rest) + sums[p]).store_up_to(d_x + at, rest);
  }
}

void chosen_gradient(const Rows& x, Index width, Index begin, const ColumnNonzeros& column,
                     const float* d, float* g, Index stride) {
  constexpr Index kParts = kChosenRows / kPanelWidth;
  const Index rows = std::min(kChosenRows, width - begin);
  Vector sums[kParts];
#pragma GCC unroll 4
  for (Vector& sum : sums) sum = Vector::zero();
  for (Index p = 0; p < column.count; ++p) {
    const float* row = x.row(column.rows[p]) + begin;
    const Vector value = Vector::set(d[column.indices[p]]);
    if (rows == kChosenRows) {
#pragma GCC unroll 4
      for (Index part = 0; part < kParts; ++part)
        sums[part] = fma(value, Vector::load(row + part * kPanelWidth), sums[part]);
    } else {
#pragma GCC unroll 4
      for (Index part = 0; part < kParts; ++part) {
        const Index rest = std::max<Index>(rows - part * kPanelWidth, 0);
        sums[part] = fma(value, Vector::load_up_to(row + part * kPanelWidth, rest), sums[part]);
      }
    }
  }
  alignas(64) float stored[kChosenRows];
#pragma GCC unroll 4
  for (Index part = 0; part < kParts; ++part) sums[part].store(stored + part * kPanelWidth);
  for (Index r = 0; r < rows; ++r) g[r * stride] = stored[r];
}

}  // namespace gatewise
