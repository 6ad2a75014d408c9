// Tells which rows cannot have a column above their bounds in a panel, from a product of rounded
// values on the matrix unit, which is an order of magnitude quicker than the product itself.
//
// With x' and w' the values rounded to bfloat16, s the product's float32 sum and s' the unit's,
//   |s - s'| <= |x| |w - w'| + |x - x'| |w'| + c |x| |w|      (2-norms over the depth d)
// by Cauchy and Schwarz, where the last term covers the rounding of both sums: c = (3 d + 64) 2^-24
// (Higham 2002, "Accuracy and stability of numerical algorithms", section 3.1). So a row whose s'
// stays below its bound by that much in all columns need not be multiplied, and a result that is
// made of the others' sums has the bits that it has without a screen.
#pragma once

#include "kernels/column_terms.h"
#include "kernels/matrix_unit.h"

namespace gatewise {

class Screen {
 public:
  // Floats of scratch for so many rows.
  static Index floats(Index rows, Index depth);

  // Of rows [row_begin, row_end) of x, which are rounded here.
  Screen(const Rows& x, Index row_begin, Index row_end, Index depth, float* scratch);

  // Looks at panel `panel` of w, and at the next one where `panels` is 2. bounds: of the rows.
  void look(const Panels& w, const ColumnTerms& terms, Index panel, int panels,
            const float* bounds);

  // The rows, numbered as x's are, that may have a column of the so-many-th panel looked at that
  // exceeds bound and floor; in ascending order.
  const std::int32_t* passed(int which) const { return passed_ + which * padded_rows(); }
  Index passed_count(int which) const { return passed_counts_[which]; }

 private:
  // What a panel's sums are compared with. Their error is `by_norm` times a row's norm,
  // `by_rounding` times that of its rounding, and `absolute`.
  struct LookedAt {
    unsigned lanes;
    Vector bias, floors;
    float by_norm, by_rounding, absolute;
  };

  Index padded_rows() const { return round_up(rows_, kUnitRows); }
  Index steps() const { return ceil_divide(depth_, kUnitDepth); }
  void round_row(const float* values, Index i);
  LookedAt round_panel(const Panels& w, const ColumnTerms& terms, Index panel, int which);
  void compare(const float (*sums)[kPanelWidth], const LookedAt& looked, int which, Index row,
               const float* bounds);

  Index row_begin_, rows_, depth_;
  std::uint16_t* tiles_;    // of the rows, [unit rows][unit_row_place]
  std::uint16_t* columns_;  // of the panels looked at, [unit_column_place]
  float* norms_;            // |x|, at least, [padded rows]
  float* roundings_;        // |x - x'|, at least, [padded rows]
  std::int32_t* passed_;    // [kUnitPanels, padded rows]
  Index passed_counts_[kUnitPanels] = {};
  MatrixUnit unit_;
};

}  // namespace gatewise
