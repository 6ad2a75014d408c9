// A screen finds the rows that cannot have a column above their bound in a panel, from a product of
// values rounded to 16 bits, which takes a fraction of the time of the product itself.
//
// Let x' and w' be the rounded values, s the product's float32 sum and s' that of the rounded
// values:
//   |s - s'| <= |x| |w - w'| + |x - x'| |w'| + c |x| |w|      (2-norms over the depth d)
// by Cauchy-Schwarz. The last term covers the rounding of both sums: c = (3 d + 64) 2^-24 (Higham
// 2002, "Accuracy and stability of numerical algorithms", section 3.1). A row whose s' is below its
// bound by that much in all columns need not be multiplied. The results of the other rows have the
// same bits as without a screen.
//
// To add a unit, write a class such as MatrixUnit or Int16Unit, a ScreenKind, and a line in
// `best_screen`, in `top_k_product` and at the end of screen.cpp.
#pragma once

#include "kernels/selection/column_lanes.h"
#include "kernels/selection/screen_kind.h"
#include "kernels/units/int16_unit.h"
#include "kernels/units/matrix_unit.h"

namespace gatewise {

// Larger depths are not screened: the rounding bounds grow with the depth, and c must stay small.
inline constexpr Index kMaxScreenedDepth = Index{1} << 20;

template <typename Unit>
class Screen {
 public:
  // Rounds rows [row_begin, row_end) of x into `scratch`.
  Screen(const Rows& x, Index row_begin, Index row_end, Index depth, float* scratch);

  // Screens panel `panel` of w, and the next one if `panels` is 2. bounds [rows of the screen],
  // read.
  void evaluate(const Panels& w, const ColumnTerms& terms, Index panel, int panels,
                const float* bounds);

  // Indices in x of the rows that may have a column above their bound and its lower bound in panel
  // `panel + which` of the last `evaluate`; ascending.
  const std::int32_t* passed(int which) const { return passed_ + which * padded_rows(); }
  Index passed_count(int which) const { return passed_counts_[which]; }

 private:
  // Terms that a panel's sums are compared with. The error of a row's sums is at most by_norm |x| +
  // by_rounding |x - x'| + absolute.
  struct PanelTerms {
    unsigned lanes;
    Vector scales, bias, lower_bounds;
    float by_norm, by_rounding, absolute;
  };

  Index padded_rows() const { return round_up(rows_, kScreenRows); }
  Index steps() const { return ceil_divide(depth_, kScreenDepth); }
  void round_row(const float* values, Index i);
  PanelTerms round_panel(const Panels& w, const ColumnTerms& terms, Index panel, int which);
  void compare(const float (*sums)[kPanelWidth], const PanelTerms& panel_terms, int which,
               Index row, const float* bounds);

  Index row_begin_, rows_, depth_;
  std::uint16_t* tiles_;    // rounded rows, [tiles of rows][Unit::row_offset]
  std::uint16_t* columns_;  // rounded columns of the current panels, [Unit::column_offset]
  float* scales_of_rows_;   // value of 1 in a rounded row, [padded rows]
  float* norms_;            // upper bound of |x|, [padded rows]
  float* roundings_;        // upper bound of |x - x'|, [padded rows]
  std::int32_t* passed_;    // [kScreenPanels, padded rows]
  Index passed_counts_[kScreenPanels] = {};
  Unit unit_;
};

}  // namespace gatewise
