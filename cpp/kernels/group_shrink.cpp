#include "kernels/group_shrink.h"

#include <algorithm>
#include <cmath>

#include "kernels/vector.h"

namespace gatewise {
namespace {

// Rows of one chunk if a group lies within a row: their sums take 4 KB of the L1 cache.
constexpr Index kStripRows = 64;

// A range of rows and panels of W.
struct Chunk {
  Index row_begin, row_end, panel_begin, panel_end;
};

Index strips(PanelShape shape) { return ceil_divide(shape.rows, kStripRows); }

Chunk chunk_of(PanelShape shape, WeightGroups groups, Index chunk) {
  if (groups == WeightGroups::kUnits) return {0, shape.rows, chunk, chunk + 1};
  const bool is_block = groups == WeightGroups::kBlocks;
  const Index panel = is_block ? chunk / strips(shape) : 0;
  const Index begin = (is_block ? chunk % strips(shape) : chunk) * kStripRows;
  const Index end = std::min(begin + kStripRows, shape.rows);
  return {begin, end, panel, is_block ? panel + 1 : shape.panels()};
}

// Weights per group of the chunk.
Index group_size(PanelShape shape, WeightGroups groups, const Chunk& chunk) {
  if (groups == WeightGroups::kUnits) return shape.rows;
  return groups == WeightGroups::kInputs ? shape.cols : shape.width(chunk.panel_begin);
}

// Calls visit(offset, width, row) for each row of each panel of the chunk; panels are the outer
// loop.
template <typename Visit>
GATEWISE_INLINE void for_rows(PanelShape shape, const Chunk& chunk, const Visit& visit) {
  for (Index panel = chunk.panel_begin; panel < chunk.panel_end; ++panel) {
    const Index width = shape.width(panel), stride = shape.stride(panel);
    for (Index row = chunk.row_begin; row < chunk.row_end; ++row)
      visit(shape.offset(panel) + row * stride, width, row - chunk.row_begin);
  }
}

// Norms of value(offset, width) per group: `row_norms` one per row, `unit_norms` one per lane.
template <typename Value>
GATEWISE_INLINE void row_norms(PanelShape shape, const Chunk& chunk, const Value& value,
                               float* norms) {
  alignas(64) float sums[kStripRows * kPanelWidth] = {};
  for_rows(shape, chunk, [&](Index offset, Index width, Index row) GATEWISE_INLINE_LAMBDA {
    const Vector v = value(offset, width);
    float* sum = sums + row * kPanelWidth;
    fma(v, v, Vector::load(sum)).store(sum);
  });
  for (Index row = 0; row < chunk.row_end - chunk.row_begin; ++row)
    norms[row] = std::sqrt(sum_lanes(Vector::load(sums + row * kPanelWidth)));
}

template <typename Value>
GATEWISE_INLINE Vector unit_norms(PanelShape shape, const Chunk& chunk, const Value& value) {
  Vector sum = Vector::zero();
  for_rows(shape, chunk, [&](Index offset, Index width, Index) GATEWISE_INLINE_LAMBDA {
    const Vector v = value(offset, width);
    sum = fma(v, v, sum);
  });
  return sqrt(sum);
}

// max(0, 1 - threshold / norm); NaN if the norm is NaN.
Vector shrink_factor(const Vector& norm, float threshold) {
  const Vector t = Vector::set(threshold);
  return select_greater(t, norm, Vector::zero(), Vector::set(1.0f) - t / norm);
}

void scale(float* weights, Index width, const Vector& factor) {
  (Vector::load_up_to(weights, width) * factor).store_up_to(weights, width);
}

}  // namespace

Index num_group_chunks(PanelShape shape, WeightGroups groups) {
  switch (groups) {
    case WeightGroups::kNone:
      return 0;
    case WeightGroups::kInputs:
      return strips(shape);
    case WeightGroups::kUnits:
      return shape.panels();
    case WeightGroups::kBlocks:
      return strips(shape) * shape.panels();
  }
  return 0;
}

void shrink_groups(const GroupShrink& shrink, float* weights, PanelShape shape, Index index) {
  const Chunk chunk = chunk_of(shape, shrink.groups, index);
  const auto size = static_cast<float>(group_size(shape, shrink.groups, chunk));
  const float threshold = shrink.rate * std::sqrt(size);
  const Vector root = Vector::set(shrink.variance_root), epsilon = Vector::set(shrink.epsilon);
  const Vector inner_epsilon = Vector::set(shrink.inner_epsilon);
  const auto value = [&](Index offset, Index width) GATEWISE_INLINE_LAMBDA {
    const Vector w = Vector::load_up_to(weights + offset, width);
    if (!shrink.second) return w;
    const Vector v = Vector::load_up_to(shrink.second + offset, width) + inner_epsilon;
    return w * fma(sqrt(v), root, epsilon);
  };
  if (shrink.groups == WeightGroups::kUnits) {
    const Vector factor = shrink_factor(unit_norms(shape, chunk, value), threshold);
    for_rows(shape, chunk,
             [&](Index offset, Index width, Index) { scale(weights + offset, width, factor); });
    return;
  }
  alignas(64) float factors[kStripRows] = {};
  row_norms(shape, chunk, value, factors);
  for (Index row = 0; row < kStripRows; row += kPanelWidth)
    shrink_factor(Vector::load(factors + row), threshold).store(factors + row);
  for_rows(shape, chunk, [&](Index offset, Index width, Index row) {
    scale(weights + offset, width, Vector::set(factors[row]));
  });
}

double group_penalty(WeightGroups groups, const float* weights, PanelShape shape, Index index) {
  const Chunk chunk = chunk_of(shape, groups, index);
  const auto value = [&](Index offset, Index width) GATEWISE_INLINE_LAMBDA {
    return Vector::load_up_to(weights + offset, width);
  };
  alignas(64) float norms[kStripRows];
  Index count = chunk.row_end - chunk.row_begin;
  if (groups == WeightGroups::kUnits) {
    unit_norms(shape, chunk, value).store(norms);
    count = shape.width(chunk.panel_begin);
  } else {
    row_norms(shape, chunk, value, norms);
  }
  double sum = 0;
  for (Index i = 0; i < count; ++i) sum += norms[i];
  return sum * std::sqrt(static_cast<double>(group_size(shape, groups, chunk)));
}

}  // namespace gatewise
