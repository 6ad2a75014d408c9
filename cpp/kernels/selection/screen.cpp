#include "kernels/selection/screen.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reduce.h"

namespace gatewise {
namespace {

constexpr float kRounding = 0x1p-24f;

// The product of two norms above it may be infinite.
constexpr float kMaxNorm = 0x1p62f;

// Upper bounds of norms from their sums of `count` squares. They cover the rounding of the sums,
// and squares below the smallest normal number, which may count as zero. Infinite, so that every
// row passes, if the norm is so large that a unit's sums may be infinite.
Vector norm_upper_bounds(const Vector& squares, Index count) {
  const auto terms = static_cast<float>(count + 16);
  const Vector hidden = Vector::set(terms * std::numeric_limits<float>::min());
  const Vector norms = sqrt(squares + hidden) * Vector::set(1 + 2 * terms * kRounding);
  return select_greater(norms, Vector::set(kMaxNorm),
                        Vector::set(std::numeric_limits<float>::infinity()), norms);
}

// The largest lane, ignoring NaN: a column with NaN has no value that exceeds a bound.
float largest_of_lanes(const Vector& a) {
  alignas(64) float lanes[kPanelWidth];
  a.store(lanes);
  return largest_of(lanes, kPanelWidth);
}

float first_lane(const Vector& a) {
  alignas(64) float lanes[kPanelWidth];
  a.store(lanes);
  return lanes[0];
}

// Rounds a row (values in all lanes) or 16 columns (one per lane), and bounds their norms.
template <typename Unit>
class Rounding {
 public:
  // For the k in the first half of every step, pair(k) returns values k and k + 16, and out(k) the
  // address to which they are written.
  template <typename Pair, typename Out>
  void run(Index depth, bool is_row, const Pair& pair, const Out& out) {
    const auto total = [&](const Vector& squares) {
      const Vector sums = is_row ? Vector::set(sum_lanes(squares)) : squares;
      return norm_upper_bounds(sums, depth);
    };
    Vector squares[2] = {Vector::zero(), Vector::zero()};
    if constexpr (Unit::kScales) {
      each(depth, is_row, [&](Index k) GATEWISE_INLINE_LAMBDA {
        const auto [a, b] = pair(k);
        squares[0] = fma(a, a, squares[0]);
        squares[1] = fma(b, b, squares[1]);
      });
      norms = total(squares[0] + squares[1]);
      scale = norms * Vector::set(1 / Unit::kNorm);
      const Vector factor = Vector::set(1) / scale;
      each(depth, is_row, [&](Index k) GATEWISE_INLINE_LAMBDA {
        const auto [a, b] = pair(k);
        Unit::join(a * factor, b * factor).store(reinterpret_cast<float*>(out(k)));
      });
      // Half a step per value, plus the rounding error of scaling.
      const float half = 0.5f * std::sqrt(static_cast<float>(depth)) / Unit::kNorm;
      roundings = norms * Vector::set(half * (1 + 64 * kRounding) + 8 * kRounding);
    } else {
      Vector lost[2] = {Vector::zero(), Vector::zero()};
      each(depth, is_row, [&](Index k) GATEWISE_INLINE_LAMBDA {
        const auto [a, b] = pair(k);
        const Vector near_a = Unit::round(a), near_b = Unit::round(b);
        Unit::join(near_a, near_b).store(reinterpret_cast<float*>(out(k)));
        const Vector off_a = a - near_a, off_b = b - near_b;
        squares[0] = fma(a, a, squares[0]);
        squares[1] = fma(b, b, squares[1]);
        lost[0] = fma(off_a, off_a, lost[0]);
        lost[1] = fma(off_b, off_b, lost[1]);
      });
      norms = total(squares[0] + squares[1]);
      roundings = total(lost[0] + lost[1]);
      scale = Vector::set(1);
    }
  }

  // The value of 1 after rounding, and upper bounds of |x| and |x - x'|.
  Vector scale, norms, roundings;

 private:
  // A row is processed 16 values at a time, columns one value of each at a time.
  template <typename Body>
  static GATEWISE_INLINE void each(Index depth, bool is_row, const Body& body) {
    constexpr Index kHalf = kScreenDepth / 2;
    for (Index k = 0; k < depth; k += kScreenDepth) {
      if (is_row)
        body(k);
      else
        for (Index at = k; at < k + kHalf; ++at) body(at);
    }
  }
};

struct Pair {
  Vector a, b;
};

}  // namespace

ScreenKind best_screen() {
  if (MatrixUnit::is_available()) return ScreenKind::kMatrix;
  return Int16Unit::is_available() ? ScreenKind::kInt16 : ScreenKind::kNone;
}

Index screen_floats(Index rows, Index depth) {
  const Index padded = round_up(rows, kScreenRows), steps = ceil_divide(depth, kScreenDepth);
  return (padded / kScreenRows + 1) * steps * kScreenStep / 2 + (3 + kScreenPanels) * padded;
}

template <typename Unit>
Screen<Unit>::Screen(const Rows& x, Index row_begin, Index row_end, Index depth, float* scratch)
    : row_begin_(row_begin), rows_(row_end - row_begin), depth_(depth) {
  tiles_ = reinterpret_cast<std::uint16_t*>(scratch);
  columns_ = tiles_ + padded_rows() * steps() * kScreenDepth;
  scales_of_rows_ = reinterpret_cast<float*>(columns_ + steps() * kScreenStep);
  norms_ = scales_of_rows_ + padded_rows();
  roundings_ = norms_ + padded_rows();
  passed_ = reinterpret_cast<std::int32_t*>(roundings_ + padded_rows());
  for (Index i = 0; i < rows_; ++i) round_row(x.row(row_begin + i), i);
  std::fill_n(columns_, steps() * kScreenStep, std::uint16_t{0});
  // The padding of the last tile is never compared.
  for (Index i = rows_; i < padded_rows(); ++i) round_row(nullptr, i);
}

template <typename Unit>
void Screen<Unit>::round_row(const float* values, Index i) {
  std::uint16_t* tile = tiles_ + i / kScreenRows * steps() * kScreenStep;
  const auto some = [&](Index k) GATEWISE_INLINE_LAMBDA {
    const Index count = values ? depth_ - k : 0;
    return count > 0 ? Vector::load_up_to(values + k, count) : Vector::zero();
  };
  Rounding<Unit> rounding;
  rounding.run(
      depth_, true,
      [&](Index k) GATEWISE_INLINE_LAMBDA { return Pair{some(k), some(k + kScreenDepth / 2)}; },
      [&](Index k) { return tile + Unit::row_offset(i % kScreenRows, k, steps()); });
  scales_of_rows_[i] = first_lane(rounding.scale);
  norms_[i] = first_lane(rounding.norms);
  roundings_[i] = first_lane(rounding.roundings);
}

template <typename Unit>
typename Screen<Unit>::PanelTerms Screen<Unit>::round_panel(const Panels& w,
                                                            const ColumnTerms& terms, Index panel,
                                                            int which) {
  const Index width = w.shape.width(panel), stride = w.shape.stride(panel);
  const float* values = w.panel(panel);
  const auto row = [&](Index k) GATEWISE_INLINE_LAMBDA {
    return k < depth_ ? Vector::load_up_to(values + k * stride, width) : Vector::zero();
  };
  Rounding<Unit> rounding;
  rounding.run(
      depth_, false,
      [&](Index k) GATEWISE_INLINE_LAMBDA { return Pair{row(k), row(k + kScreenDepth / 2)}; },
      [&](Index k) { return columns_ + Unit::column_offset(which, k, 0, steps()); });
  const auto depth = static_cast<float>(depth_);
  const float norm = largest_of_lanes(rounding.norms);
  const float lost = largest_of_lanes(rounding.roundings);
  PanelTerms panel_terms;
  panel_terms.lanes = (1u << width) - 1;
  panel_terms.scales = rounding.scale;
  panel_terms.bias = panel_bias(terms, panel, width);
  panel_terms.lower_bounds = panel_lower_bounds(terms, panel, width);
  panel_terms.by_norm = lost + (3 * depth + 64) * kRounding * norm;
  panel_terms.by_rounding = norm + lost;
  // Covers the rounding of the bias addition, and products that count as zero but are not.
  panel_terms.absolute = 4 * kRounding * std::max(largest_of_lanes(abs(panel_terms.bias)), 0.0f) +
                         4 * depth * std::numeric_limits<float>::min();
  return panel_terms;
}

template <typename Unit>
void Screen<Unit>::compare(const float (*sums)[kPanelWidth], const PanelTerms& panel_terms,
                           int which, Index row, const float* bounds) {
  alignas(64) float errors[kScreenRows];
  for (Index r = 0; r < kScreenRows; r += kPanelWidth)
    fma(Vector::load(norms_ + row + r), Vector::set(panel_terms.by_norm),
        fma(Vector::load(roundings_ + row + r), Vector::set(panel_terms.by_rounding),
            Vector::set(panel_terms.absolute)))
        .store(errors + r);
  std::int32_t* passed = passed_ + which * padded_rows();
  Index count = passed_counts_[which];
  const Index rows = std::min(kScreenRows, rows_ - row);
  for (Index r = 0; r < rows; ++r) {
    Vector sum = Vector::load(sums[r]);
    // This order avoids tiny intermediate results.
    if constexpr (Unit::kScales)
      sum = sum * panel_terms.scales * Vector::set(scales_of_rows_[row + r]);
    const Vector upper_bound = sum + panel_terms.bias + Vector::set(errors[r]);
    const Vector lower_bound = max(Vector::set(bounds[row + r]), panel_terms.lower_bounds);
    passed[count] = static_cast<std::int32_t>(row_begin_ + row + r);
    // Tests for "not below", so that NaN passes.
    count += (~lanes_greater(lower_bound, upper_bound) & panel_terms.lanes) != 0;
  }
  passed_counts_[which] = count;
}

template <typename Unit>
void Screen<Unit>::evaluate(const Panels& w, const ColumnTerms& terms, Index panel, int panels,
                            const float* bounds) {
  PanelTerms panel_terms[kScreenPanels];
  for (int which = 0; which < panels; ++which) {
    panel_terms[which] = round_panel(w, terms, panel + which, which);
    passed_counts_[which] = 0;
  }
  // The next panels are prefetched while the unit multiplies.
  const Index count = padded_rows() / kScreenRows;
  const Index lines = ceil_divide(kScreenDepth * panels, count);
  ScreenTile tile{tiles_, columns_, steps(), w.panel(panel + panels), lines};
  for (Index at = 0; at < count; ++at) {
    ScreenSums sums;
    unit_.multiply(tile, sums);
    for (int which = 0; which < panels; ++which)
      compare(sums.values[which], panel_terms[which], which, at * kScreenRows, bounds);
    tile.rows += steps() * kScreenStep;
    tile.prefetch += steps() * lines * kPanelWidth;
  }
}

template class Screen<MatrixUnit>;
template class Screen<Int16Unit>;

}  // namespace gatewise
