#include "kernels/constrain.h"

#include <algorithm>
#include <cmath>

namespace gatewise {
namespace {

// The weights of up to 16 consecutive columns.
struct Columns {
  float* data;
  Index stride;  // from one row to the next
  Index width;
};

Columns columns(float* weights, PanelShape shape, Layout layout, Index panel) {
  if (layout == Layout::kPanels)
    return {weights + shape.offset(panel), shape.stride(panel), shape.width(panel)};
  return {weights + panel * kPanelWidth, round_up(shape.cols, kPanelWidth), shape.width(panel)};
}

float factor(const Constraint& constraint, double square) {
  const auto norm = static_cast<float>(std::sqrt(square));
  const float bounded = std::clamp(norm, constraint.min_norm, constraint.max_norm);
  return (constraint.rate * bounded + (1 - constraint.rate) * norm) / (1e-7f + norm);
}

// The norms of each column's groups of rows.
void scale_column_groups(const Constraint& constraint, const Columns& w) {
  const Index size = constraint.group_rows, groups = constraint.num_groups();
  for (Index group = 0; group < groups; ++group) {
    const Index* rows = constraint.rows.data() + group * size;
    double squares[kPanelWidth] = {};
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < w.width; ++j) {
        const double value = w.data[rows[i] * w.stride + j];
        squares[j] += value * value;
      }
    float factors[kPanelWidth];
    for (Index j = 0; j < w.width; ++j) factors[j] = factor(constraint, squares[j]);
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < w.width; ++j) w.data[rows[i] * w.stride + j] *= factors[j];
  }
}

// The norm of whole rows of one group.
void scale_row_group(const Constraint& constraint, float* weights, PanelShape shape, Layout layout,
                     Index group) {
  const Index size = constraint.group_rows;
  const Index* rows = constraint.rows.data() + group * size;
  const auto for_rows = [&](const auto& body) {
    for (Index panel = 0; panel < shape.panels(); ++panel) {
      const Columns w = columns(weights, shape, layout, panel);
      for (Index i = 0; i < size; ++i) body(w.data + rows[i] * w.stride, w.width);
    }
  };
  double square = 0;
  for_rows([&](const float* row, Index width) {
    for (Index j = 0; j < width; ++j) square += static_cast<double>(row[j]) * row[j];
  });
  const float scale = factor(constraint, square);
  for_rows([&](float* row, Index width) {
    for (Index j = 0; j < width; ++j) row[j] *= scale;
  });
}

}  // namespace

Index num_constrained_parts(const Constraint& constraint, PanelShape shape) {
  const bool by_panel = constraint.kind == ConstraintKind::kNonNegative || constraint.by_column;
  return by_panel ? shape.panels() : constraint.num_groups();
}

void constrain(const Constraint& constraint, float* weights, PanelShape shape, Layout layout,
               Index part) {
  if (constraint.kind == ConstraintKind::kNorm && !constraint.by_column)
    return scale_row_group(constraint, weights, shape, layout, part);
  const Columns w = columns(weights, shape, layout, part);
  if (constraint.kind == ConstraintKind::kNorm) return scale_column_groups(constraint, w);
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < w.width; ++j) {
      float& value = w.data[i * w.stride + j];
      value = std::max(value, 0.0f);  // NaN stays
    }
}

}  // namespace gatewise
