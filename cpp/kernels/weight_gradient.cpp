#include "kernels/weight_gradient.h"

#include <array>
#include <utility>

#include "kernels/packed_gradient.h"

namespace gatewise {

Index gradient_units(PanelShape shape) {
  return ceil_divide(shape.rows, kGradientTileRows) * shape.panels();
}
const Index kGradientUnitRows = kGradientTileRows;

namespace {

// Gradient of kUpdateRows rows of one panel, in panel layout with `stride` floats per row. Each row
// is stored as a whole register; its surplus lanes are overwritten by the next row or lie after the
// last.
struct GradientBuffer {
  alignas(64) float g[(kUpdateRows + 1) * kPanelWidth];
};

// For few rows: x and d_y are read without packing.
using Tile = void (*)(const Rows& x, Index j, const float* d_y, Index d_y_stride, Index row_begin,
                      Index row_end, Index width, Index stride, float* g);

// Gradient of rows j .. j + kRows - 1 of W in one panel. kFull: the panel has all 16 columns.
template <int kRows, bool kFull>
void gradient_tile(const Rows& x, Index j, const float* d_y, Index d_y_stride, Index row_begin,
                   Index row_end, Index width, Index stride, float* g) {
  Vector sums[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) sums[r] = Vector::zero();
  for (Index i = row_begin; i < row_end; ++i) {
    const float* values = x.row(i) + j;
    const float* d_y_values = d_y + i * d_y_stride;
    const Vector gradient =
        kFull ? Vector::load(d_y_values) : Vector::load_partial(d_y_values, width);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sums[r] = fma(Vector::set(values[r]), gradient, sums[r]);
  }
  // Unrolled, like every loop over `sums`: an index known only at run time would keep them in
  // memory instead of registers.
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) sums[r].store(g + r * stride);
}

template <bool kFull>
constexpr auto kTiles = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array<Tile, kGradientTileRows>{&gradient_tile<kRows + 1, kFull>...};
}(std::make_integer_sequence<int, kGradientTileRows>{});

void direct_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index panel, Index begin, Index end,
                     const UpdateTarget& target) {
  const Index width = shape.width(panel), stride = shape.stride(panel);
  const float* d_y_values = d_y + panel * kPanelWidth;
  const auto& tiles = width == kPanelWidth ? kTiles<true> : kTiles<false>;
  GradientBuffer buffer;
  for (Index start = begin; start < end; start += kUpdateRows) {
    const Index stop = std::min(end, start + kUpdateRows);
    for (Index j = start; j < stop; j += kGradientTileRows) {
      const Index count = std::min<Index>(kGradientTileRows, stop - j);
      prefetch_target(target, shape.offset(panel) + j * stride, count * stride);
      tiles[count - 1](x, j, d_y_values, d_y_stride, row_begin, row_end, width, stride,
                       buffer.g + (j - start) * stride);
    }
    apply_update(target, shape.offset(panel) + start * stride, buffer.g, (stop - start) * stride);
  }
}

}  // namespace

void weight_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch, Products products) {
  const Index rows = row_end - row_begin;
  if (rows >= kPackedRows || (products == Products::kBfloat16 && rows > 0))
    return packed_gradient(x, d_y, d_y_stride, row_begin, row_end, shape, unit_begin, unit_end,
                           target, scratch, products);
  for_panels(shape, unit_begin, unit_end, 1, [&](Index panel, Index, Index begin, Index end) {
    direct_gradient(x, d_y, d_y_stride, row_begin, row_end, shape, panel, begin, end, target);
  });
}

void bias_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end, Index begin,
                   Index end, const UpdateTarget& target) {
  alignas(64) float g[kPanelWidth];
  for (Index u = begin; u < end; u += kPanelWidth) {
    const Index width = std::min(kPanelWidth, end - u);
    Vector sum = Vector::zero();
    for (Index i = row_begin; i < row_end; ++i)
      sum = sum + Vector::load_up_to(d_y + i * d_y_stride + u, width);
    sum.store(g);
    apply_update(target, u, g, width);
  }
}

}  // namespace gatewise
