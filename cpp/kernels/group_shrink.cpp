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

// Lanes of the groups of a chunk: one group per row, or with kUnits one per lane.
constexpr Index kMaxGroups = kStripRows;

template <bool kUnits>
GATEWISE_INLINE Vector group_value(const float* values, Index row) {
  return kUnits ? Vector::load(values) : Vector::set(values[row]);
}

// sums [kSums][groups]: add(sum, offset, width, row) adds to the kSums sums of a group, in order.
template <bool kUnits, int kSums, typename Add>
GATEWISE_INLINE void sum_groups(PanelShape shape, const Chunk& chunk, const Add& add,
                                float (*sums)[kMaxGroups]) {
  Vector sum[kSums];
  if constexpr (kUnits) {
    for (Vector& each : sum) each = Vector::zero();
    for_rows(shape, chunk, [&](Index offset, Index width, Index row) GATEWISE_INLINE_LAMBDA {
      add(sum, offset, width, row);
    });
    for (int s = 0; s < kSums; ++s) sum[s].store(sums[s]);
  } else {
    alignas(64) float lanes[kMaxGroups][kSums][kPanelWidth] = {};
    for_rows(shape, chunk, [&](Index offset, Index width, Index row) GATEWISE_INLINE_LAMBDA {
      for (int s = 0; s < kSums; ++s) sum[s] = Vector::load(lanes[row][s]);
      add(sum, offset, width, row);
      for (int s = 0; s < kSums; ++s) sum[s].store(lanes[row][s]);
    });
    for (Index row = 0; row < chunk.row_end - chunk.row_begin; ++row)
      for (int s = 0; s < kSums; ++s) sums[s][row] = sum_lanes(Vector::load(lanes[row][s]));
  }
}

template <bool kUnits>
Index num_groups(const Chunk& chunk) {
  return kUnits ? kPanelWidth : chunk.row_end - chunk.row_begin;
}

// norms[g] = the norm of value(offset, width) over group g.
template <bool kUnits, typename Value>
GATEWISE_INLINE void group_norms(PanelShape shape, const Chunk& chunk, const Value& value,
                                 float (&norms)[kMaxGroups]) {
  sum_groups<kUnits, 1>(
      shape, chunk,
      [&](Vector* sum, Index offset, Index width, Index) GATEWISE_INLINE_LAMBDA {
        const Vector v = value(offset, width);
        sum[0] = fma(v, v, sum[0]);
      },
      &norms);
  for (Index g = 0; g < num_groups<kUnits>(chunk); ++g) norms[g] = std::sqrt(norms[g]);
}

// The proximal step of the groups of one chunk.
class GroupStep {
 public:
  GroupStep(const GroupShrink& shrink, float* weights, PanelShape shape, const Chunk& chunk)
      : shrink_(shrink),
        weights_(weights),
        shape_(shape),
        chunk_(chunk),
        threshold_(shrink.rate *
                   std::sqrt(static_cast<float>(group_size(shape, shrink.groups, chunk)))) {}

  template <bool kUnits>
  void run() const {
    if (threshold_ == 0) return;
    alignas(64) float norms[kMaxGroups] = {};
    group_norms<kUnits>(
        shape_, chunk_,
        [&](Index offset, Index width)
            GATEWISE_INLINE_LAMBDA { return weights(offset, width) * scale(offset, width); },
        norms);
    if (shrink_.second) {
      alignas(64) float solution[kMaxGroups];
      solve<kUnits>(norms, solution);
      replace<kUnits>([&](Index offset, Index width, Index row) GATEWISE_INLINE_LAMBDA {
        const Vector h_norm = scale(offset, width) * group_value<kUnits>(solution, row);
        return h_norm / (h_norm + Vector::set(threshold_));
      });
    } else {
      for (Index g = 0; g < num_groups<kUnits>(chunk_); ++g)
        norms[g] = threshold_ > norms[g] ? 0.0f : 1 - threshold_ / norms[g];
      replace<kUnits>([&](Index, Index, Index row)
                          GATEWISE_INLINE_LAMBDA { return group_value<kUnits>(norms, row); });
    }
  }

 private:
  static constexpr int kMaxIterations = 50;
  static constexpr float kTolerance = 1e-6f;

  GATEWISE_INLINE Vector weights(Index offset, Index width) const {
    return Vector::load_up_to(weights_ + offset, width);
  }

  // h of each weight.
  GATEWISE_INLINE Vector scale(Index offset, Index width) const {
    if (!shrink_.second) return Vector::set(1.0f);
    const Vector second = Vector::load_up_to(shrink_.second + offset, width);
    if (shrink_.second_is_root) return second + Vector::set(shrink_.epsilon);
    const Vector inner_epsilon = Vector::set(shrink_.inner_epsilon);
    Vector v = second + inner_epsilon;
    if (shrink_.mean) {
      const Vector mean = Vector::load_up_to(shrink_.mean + offset, width);
      v = max(Vector::zero(), second - mean * mean) + inner_epsilon;
    }
    const Vector h = fma(sqrt(v), Vector::set(shrink_.variance_root), Vector::set(shrink_.epsilon));
    if (!shrink_.step_squares) return h;
    return h / sqrt(Vector::load_up_to(shrink_.step_squares + offset, width) + inner_epsilon);
  }

  // solution[g] = n, the norm of group g after the step: the root of
  //   f(n) = sum_i (h_i w_i / (h_i n + t))^2 = 1,  or 0 if |h w| <= t, or NaN.
  // Newton's method on the concave 1 / sqrt(f) rises from 0 and never exceeds the root.
  template <bool kUnits>
  void solve(const float* norms, float* solution) const {
    const Index groups = num_groups<kUnits>(chunk_);
    alignas(64) float sums[2][kMaxGroups];  // f, and -f' / 2
    for (Index g = 0; g < kMaxGroups; ++g) solution[g] = g < groups ? norms[g] - norms[g] : 0.0f;
    bool moved = true;
    for (int iteration = 0; iteration < kMaxIterations && moved; ++iteration) {
      sum_groups<kUnits, 2>(
          shape_, chunk_,
          [&](Vector* sum, Index offset, Index width, Index row) GATEWISE_INLINE_LAMBDA {
            const Vector h = scale(offset, width);
            const Vector below =
                fma(h, group_value<kUnits>(solution, row), Vector::set(threshold_));
            const Vector ratio = h * weights(offset, width) / below;
            sum[0] = fma(ratio, ratio, sum[0]);
            sum[1] = fma(ratio * ratio, h / below, sum[1]);
          },
          sums);
      moved = false;
      for (Index g = 0; g < groups; ++g) {
        if (!(norms[g] > threshold_)) continue;
        const float f = sums[0][g];
        const float step = f / sums[1][g] * (std::sqrt(f) - 1);
        solution[g] += step;
        moved |= step > kTolerance * solution[g];
      }
    }
  }

  // Multiplies the weights by factor(offset, width, row); a velocity takes their displacement.
  template <bool kUnits, typename Factor>
  GATEWISE_INLINE void replace(const Factor& factor) const {
    const Vector share = Vector::set(shrink_.velocity_share);
    for_rows(shape_, chunk_, [&](Index offset, Index width, Index row) GATEWISE_INLINE_LAMBDA {
      const Vector before = weights(offset, width);
      const Vector after = before * factor(offset, width, row);
      after.store_up_to(weights_ + offset, width);
      if (!shrink_.velocity) return;
      float* velocity = shrink_.velocity + offset;
      fma(share, after - before, Vector::load_up_to(velocity, width)).store_up_to(velocity, width);
    });
  }

  const GroupShrink& shrink_;
  float* weights_;
  PanelShape shape_;
  Chunk chunk_;
  float threshold_;
};

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
  const GroupStep step(shrink, weights, shape, chunk_of(shape, shrink.groups, index));
  if (shrink.groups == WeightGroups::kUnits)
    step.run<true>();
  else
    step.run<false>();
}

double group_penalty(WeightGroups groups, const float* weights, PanelShape shape, Index index) {
  const Chunk chunk = chunk_of(shape, groups, index);
  const auto value = [&](Index offset, Index width) GATEWISE_INLINE_LAMBDA {
    return Vector::load_up_to(weights + offset, width);
  };
  alignas(64) float norms[kMaxGroups];
  Index count = chunk.row_end - chunk.row_begin;
  if (groups == WeightGroups::kUnits) {
    group_norms<true>(shape, chunk, value, norms);
    count = shape.width(chunk.panel_begin);
  } else {
    group_norms<false>(shape, chunk, value, norms);
  }
  double sum = 0;
  for (Index i = 0; i < count; ++i) sum += norms[i];
  return sum * std::sqrt(static_cast<double>(group_size(shape, groups, chunk)));
}

}  // namespace gatewise
