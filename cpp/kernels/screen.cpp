#include "kernels/screen.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reduce.h"

namespace gatewise {
namespace {

constexpr float kRounding = 0x1p-24f;

// Values that are rounded, and their squares and those of what rounding takes, summed lane by lane.
class Rounding {
 public:
  // Writes the rounded values of a and b side by side.
  void add(const Vector& a, const Vector& b, std::uint16_t* out) {
    const Vector near_a = round_bfloat16(a), near_b = round_bfloat16(b);
    join_bfloat16(near_a, near_b).store(reinterpret_cast<float*>(out));
    const Vector off_a = a - near_a, off_b = b - near_b;
    values_[0] = fma(a, a, values_[0]);
    values_[1] = fma(b, b, values_[1]);
    off_[0] = fma(off_a, off_a, off_[0]);
    off_[1] = fma(off_b, off_b, off_[1]);
  }
  Vector values() const { return values_[0] + values_[1]; }
  Vector off() const { return off_[0] + off_[1]; }

 private:
  Vector values_[2] = {Vector::zero(), Vector::zero()};
  Vector off_[2] = {Vector::zero(), Vector::zero()};
};

// A norm that the sum of `count` squares cannot hide: sums are rounded, and a square below the
// smallest normal number may count as zero.
float norm_at_least(float squares, Index count) {
  const float steps = static_cast<float>(count + 16);
  const float lost = steps * std::numeric_limits<float>::min();
  return std::sqrt(squares + lost) * (1 + 2 * steps * kRounding);
}

float norm_of_lanes(const Vector& squares, Index count) {
  return norm_at_least(sum_lanes(squares), count);
}

// The largest lane's. NaN is left out: sums of such a column are NaN or infinite on the unit too.
float norm_of_largest(const Vector& squares, Index count) {
  alignas(64) float lanes[kPanelWidth];
  squares.store(lanes);
  return norm_at_least(largest_of(lanes, kPanelWidth), count);
}

}  // namespace

Index Screen::floats(Index rows, Index depth) {
  const Index padded = round_up(rows, kUnitRows), steps = ceil_divide(depth, kUnitDepth);
  return (padded / kUnitRows + 1) * steps * kUnitStep / 2 + (2 + kUnitPanels) * padded;
}

Screen::Screen(const Rows& x, Index row_begin, Index row_end, Index depth, float* scratch)
    : row_begin_(row_begin), rows_(row_end - row_begin), depth_(depth) {
  norms_ = scratch;
  roundings_ = norms_ + padded_rows();
  passed_ = reinterpret_cast<std::int32_t*>(roundings_ + padded_rows());
  tiles_ = reinterpret_cast<std::uint16_t*>(passed_ + kUnitPanels * padded_rows());
  columns_ = tiles_ + padded_rows() * steps() * kUnitDepth;
  for (Index i = 0; i < rows_; ++i) round_row(x.row(row_begin + i), i);
  // What pads the last unit is never compared.
  for (Index i = rows_; i < padded_rows(); ++i) round_row(nullptr, i);
}

void Screen::round_row(const float* values, Index i) {
  std::uint16_t* unit = tiles_ + i / kUnitRows * steps() * kUnitStep;
  const auto some = [&](Index k) {
    const Index count = values ? depth_ - k : 0;
    return count > 0 ? Vector::load_up_to(values + k, count) : Vector::zero();
  };
  Rounding rounding;
  for (Index k = 0; k < depth_; k += kUnitDepth)
    rounding.add(some(k), some(k + kUnitDepth / 2), unit + unit_row_place(i % kUnitRows, k));
  norms_[i] = norm_of_lanes(rounding.values(), depth_);
  roundings_[i] = norm_of_lanes(rounding.off(), depth_);
}

Screen::LookedAt Screen::round_panel(const Panels& w, const ColumnTerms& terms, Index panel,
                                     int which) {
  const Index width = w.shape.width(panel), stride = w.shape.stride(panel);
  const float* values = w.panel(panel);
  const auto row = [&](Index k) {
    return k < depth_ ? Vector::load_up_to(values + k * stride, width) : Vector::zero();
  };
  constexpr Index kHalf = kUnitDepth / 2;
  Rounding rounding;
  for (Index step = 0; step < depth_; step += kUnitDepth)
    for (Index k = step; k < step + kHalf; ++k)
      rounding.add(row(k), row(k + kHalf), columns_ + unit_column_place(which, k, 0));
  const auto depth = static_cast<float>(depth_);
  const float norm = norm_of_largest(rounding.values(), depth_);
  const float off = norm_of_largest(rounding.off(), depth_);
  LookedAt looked;
  looked.lanes = (1u << width) - 1;
  looked.bias = terms.panel_bias(panel, width);
  looked.floors = terms.panel_floors(panel, width);
  looked.by_norm = off + (3 * depth + 64) * kRounding * norm;
  looked.by_rounding = norm + off;
  // Adding a bias rounds, and a product that counts as zero was something.
  alignas(64) float sizes[kPanelWidth];
  abs(looked.bias).store(sizes);
  looked.absolute = 4 * kRounding * std::max(largest_of(sizes, kPanelWidth), 0.0f) +
                    4 * depth * std::numeric_limits<float>::min();
  return looked;
}

void Screen::compare(const float (*sums)[kPanelWidth], const LookedAt& looked, int which, Index row,
                     const float* bounds) {
  alignas(64) float errors[kUnitRows];
  for (Index r = 0; r < kUnitRows; r += kPanelWidth)
    fma(Vector::load(norms_ + row + r), Vector::set(looked.by_norm),
        fma(Vector::load(roundings_ + row + r), Vector::set(looked.by_rounding),
            Vector::set(looked.absolute)))
        .store(errors + r);
  std::int32_t* passed = passed_ + which * padded_rows();
  Index count = passed_counts_[which];
  const Index rows = std::min(kUnitRows, rows_ - row);
  for (Index r = 0; r < rows; ++r) {
    const Vector most = Vector::load(sums[r]) + looked.bias + Vector::set(errors[r]);
    const Vector least = max(Vector::set(bounds[row + r]), looked.floors);
    passed[count] = static_cast<std::int32_t>(row_begin_ + row + r);
    // Not below, so that NaN passes.
    count += (~lanes_greater(least, most) & looked.lanes) != 0;
  }
  passed_counts_[which] = count;
}

void Screen::look(const Panels& w, const ColumnTerms& terms, Index panel, int panels,
                  const float* bounds) {
  LookedAt looked[kUnitPanels];
  for (int which = 0; which < panels; ++which) {
    looked[which] = round_panel(w, terms, panel + which, which);
    passed_counts_[which] = 0;
  }
  // While the unit works, the next panels are fetched.
  const float* ahead = w.panel(panel + panels);
  const Index units = padded_rows() / kUnitRows;
  const Index lines = ceil_divide(kUnitDepth * panels, units);
  for (Index unit = 0; unit < units; ++unit, ahead += steps() * lines * kPanelWidth) {
    UnitSums sums;
    unit_.multiply(tiles_ + unit * steps() * kUnitStep, columns_, steps(), ahead, lines, sums);
    for (int which = 0; which < panels; ++which)
      compare(sums.values[which], looked[which], which, unit * kUnitRows, bounds);
  }
}

}  // namespace gatewise
