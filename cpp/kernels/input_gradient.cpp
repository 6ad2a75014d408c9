#include "kernels/input_gradient.h"
#include "kernels/activation_lanes.h"

#include "kernels/product_tile.h"
#include "kernels/transpose.h"

namespace gatewise {

void finish_gradient(const float (*sums)[kPanelWidth], Index row, int rows, Index column,
                     Index width, const InputGradient& out) {
  for (int r = 0; r < rows; ++r) {
    Vector value = Vector::load(sums[r]);
    if (out.activation != Activation::kLinear) {
      const Index at = (row + r) * out.activated_stride + column;
      const Vector y = Vector::load_up_to(out.activated + at, width);
      const Vector x = out.pre_activation ? Vector::load_up_to(out.pre_activation + at, width) : y;
      value = value * activation_derivative(out.activation, y, x);
    }
    const Index target = out.target ? out.target[row + r] : row + r;
    float* d_x = out.d_x + target * out.stride + column;
    if (out.accumulate) value = Vector::load_up_to(d_x, width) + value;
    value.store_up_to(d_x, width);
  }
}

Index input_gradient_scratch(PanelShape shape, Index terms) {
  return terms * kMaxPanels * strip_floats(shape);
}

void input_gradient(std::span<const GradientTerm> terms, Index row_begin, Index row_end,
                    Index column_begin, Index column_end, const InputGradient& out,
                    float* scratch) {
  if (row_begin >= row_end) return;
  const RowTiles tiles(row_end - row_begin);
  const Index group = tile_panels(tiles.min_rows()) * kPanelWidth;
  const PanelShape shape = terms.front().w.shape;
  const Index floats = strip_floats(shape), term_floats = input_gradient_scratch(shape);
  TileSums sums;
  for (Index column = column_begin; column < column_end; column += group) {
    const int strips =
        static_cast<int>(ceil_divide(std::min(group, column_end - column), kPanelWidth));
    for (std::size_t t = 0; t < terms.size(); ++t)
      for (int s = 0; s < strips; ++s)
        transpose_strip(terms[t].w, column + s * kPanelWidth,
                        scratch + static_cast<Index>(t) * term_floats + s * floats);
    for (Index tile = 0; tile < tiles.count(); ++tile) {
      const Index row = row_begin + tiles.begin(tile);
      const int count = tiles.rows(tile);
      const int at_once = tile_panels(count);
      for (int s = 0; s < strips; s += at_once) {
        const int panels = std::min(at_once, strips - s);
        for (std::size_t t = 0; t < terms.size(); ++t) {
          const float *a[kTileRows], *b[kMaxPanels];
          for (int r = 0; r < count; ++r) a[r] = terms[t].d_y + (row + r) * terms[t].d_y_stride;
          for (int p = 0; p < panels; ++p)
            b[p] = scratch + static_cast<Index>(t) * term_floats + (s + p) * floats;
          multiply_tile(a, count, b, panels, kPanelWidth, shape.cols, {}, sums, t > 0);
        }
        for (int p = 0; p < panels; ++p) {
          const Index at = column + (s + p) * kPanelWidth;
          finish_gradient(sums.values + p * count, row, count, at,
                          std::min(kPanelWidth, column_end - at), out);
        }
      }
    }
  }
}

}  // namespace gatewise
