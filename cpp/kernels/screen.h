// Tells which rows cannot have a column above their bounds in a panel, from a product of values
// rounded to 16 bits, which takes a fraction of the time of the product itself.
//
// With x' and w' the rounded values, s the product's float32 sum and s' that of the rounded ones,
//   |s - s'| <= |x| |w - w'| + |x - x'| |w'| + c |x| |w|      (2-norms over the depth d)
// by Cauchy and Schwarz, where the last term covers the rounding of both sums: c = (3 d + 64) 2^-24
// (Higham 2002, "Accuracy and stability of numerical algorithms", section 3.1). So a row whose s'
// stays below its bound by that much in all columns need not be multiplied, and a result that is
// made of the others' sums has the bits that it has without a screen.
//
// To add a unit that multiplies: a class such as MatrixUnit or Int16Unit, a kind, and a line in
// `best_screen`, in `top_k_product` and at the end of screen.cpp.
#pragma once

#include "kernels/column_terms.h"
#include "kernels/int16_unit.h"
#include "kernels/matrix_unit.h"

namespace gatewise {

enum class ScreenKind { kNone, kInt16, kMatrix };

// The quickest unit of this processor; kNone where none is quicker than the product itself.
ScreenKind best_screen();

// Scratch of one call on one thread: `screen_floats` of it, 64-byte aligned.
struct ScreenSpace {
  ScreenKind kind = ScreenKind::kNone;
  float* scratch = nullptr;
};
Index screen_floats(Index rows, Index depth);

// Depths beyond it are not screened: bounds of rounding grow with the depth, and c is to be small.
inline constexpr Index kMaxScreenedDepth = Index{1} << 20;

template <typename Unit>
class Screen {
 public:
  // Of rows [row_begin, row_end) of x, which are rounded here.
  Screen(const Rows& x, Index row_begin, Index row_end, Index depth, float* scratch);

  // Looks at panel `panel` of w, and at the next one where `panels` is 2. bounds: of the rows.
  void evaluate(const Panels& w, const ColumnTerms& terms, Index panel, int panels,
                const float* bounds);

  // The rows, numbered as x's are, that may have a column of the so-many-th panel panel_terms at
  // that exceeds bound and floor; in ascending order.
  const std::int32_t* passed(int which) const { return passed_ + which * padded_rows(); }
  Index passed_count(int which) const { return passed_counts_[which]; }

 private:
  // What a panel's sums are compared with. Their error is `by_norm` times a row's norm,
  // `by_rounding` times that of its rounding, and `absolute`.
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
  std::uint16_t* tiles_;    // of the rows, [tiles of rows][Unit::row_offset]
  std::uint16_t* columns_;  // of the panels panel_terms at, [Unit::column_offset]
  float* scales_of_rows_;   // what 1 stands for in a rounded row, [padded rows]
  float* norms_;            // |x|, at least, [padded rows]
  float* roundings_;        // |x - x'|, at least, [padded rows]
  std::int32_t* passed_;    // [kScreenPanels, padded rows]
  Index passed_counts_[kScreenPanels] = {};
  Unit unit_;
};

}  // namespace gatewise
