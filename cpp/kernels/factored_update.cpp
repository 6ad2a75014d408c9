#include "kernels/factored_update.h"

#include "kernels/vector.h"

namespace gatewise {

void row_mean_squares(const MatrixPanels& matrix, const float* g, Index begin, Index end,
                      float* means) {
  const PanelShape shape = matrix.shape;
  const float share = 1.0f / static_cast<float>(shape.cols);
  for (Index i = begin; i < end; ++i) {
    Vector sum = Vector::zero();
    for (Index p = 0; p < shape.panels(); ++p) {
      const float* row = g + matrix.offset(p) + i * matrix.stride(p);
      const Vector value = Vector::load_up_to(row, shape.width(p));
      sum = fma(value, value, sum);
    }
    means[i] = share * sum_lanes(sum);
  }
}

void column_mean_squares(const MatrixPanels& matrix, const float* g, Index panel, float* means) {
  const PanelShape shape = matrix.shape;
  const Index width = shape.width(panel), stride = matrix.stride(panel);
  const float* values = g + matrix.offset(panel);
  Vector sum = Vector::zero();
  for (Index i = 0; i < shape.rows; ++i) {
    const Vector value = Vector::load_up_to(values + i * stride, width);
    sum = fma(value, value, sum);
  }
  (sum * Vector::set(1.0f / static_cast<float>(shape.rows))).store(means + panel * kPanelWidth);
}

float scale_panel(const MatrixPanels& matrix, const float* row_factors, const float* column_factors,
                  float* g, Index panel) {
  const PanelShape shape = matrix.shape;
  const Index width = shape.width(panel), stride = matrix.stride(panel);
  const Vector columns = Vector::load(column_factors + panel * kPanelWidth);
  float* values = g + matrix.offset(panel);
  Vector sum = Vector::zero();
  for (Index i = 0; i < shape.rows; ++i) {
    float* row = values + i * stride;
    const Vector scaled = Vector::load_up_to(row, width) * Vector::set(row_factors[i]) * columns;
    scaled.store_up_to(row, width);
    sum = fma(scaled, scaled, sum);
  }
  return sum_lanes(sum);
}

}  // namespace gatewise
