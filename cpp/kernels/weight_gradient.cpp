#include "kernels/weight_gradient.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/tile.h"

namespace gatewise {

const Index kGradientTileRows = kTileRows;

namespace {

// Writes sums as the `kRows` consecutive groups of `stride` floats that they are in the panel. Each
// store is a whole register: its surplus lanes are overwritten by the next row or lie in the slack.
template <int kRows>
GATEWISE_INLINE void update_tile(const Vector (&sums)[kRows], Index stride, Index offset,
                                 const UpdateTarget& target) {
  alignas(64) float g[(kRows + 1) * kPanelWidth];
  for (int r = 0; r < kRows; ++r) sums[r].store(g + r * stride);
  apply_update(target, offset, g, kRows * stride);
}

using Tile = void (*)(const Rows& x, Index j, const float* d_y, Index d_y_stride, Index row_begin,
                      Index row_end, Index width, Index stride, Index offset,
                      const UpdateTarget& target);

// Rows j .. j + kRows - 1 of W by one panel. kFull: the panel has all its 16 columns.
template <int kRows, bool kFull>
void gradient_tile(const Rows& x, Index j, const float* d_y, Index d_y_stride, Index row_begin,
                   Index row_end, Index width, Index stride, Index offset,
                   const UpdateTarget& target) {
  Vector sums[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) sums[r] = Vector::zero();
  for (Index i = row_begin; i < row_end; ++i) {
    const float* values = x.row(i) + j;
    const float* units = d_y + i * d_y_stride;
    const Vector gradient = kFull ? Vector::load(units) : Vector::load_partial(units, width);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sums[r] = fma(Vector::set(values[r]), gradient, sums[r]);
  }
  update_tile(sums, stride, offset, target);
}

template <bool kFull>
constexpr auto kTiles = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array<Tile, kTileRows>{&gradient_tile<kRows + 1, kFull>...};
}(std::make_integer_sequence<int, kTileRows>{});

}  // namespace

void weight_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index panel, Index begin, Index end,
                     const UpdateTarget& target) {
  const Index width = shape.width(panel), stride = shape.stride(panel);
  const float* units = d_y + panel * kPanelWidth;
  for (Index j = begin; j < end; j += kTileRows) {
    const Index rows = std::min<Index>(kTileRows, end - j);
    const Tile tile = (width == kPanelWidth ? kTiles<true> : kTiles<false>)[rows - 1];
    tile(x, j, units, d_y_stride, row_begin, row_end, width, stride,
         shape.offset(panel) + j * stride, target);
  }
}

void sort_by_column(const SparseRows& x, Index row_begin, Index row_end, Index width,
                    const SparseColumns& out) {
  // offsets[j + 1] first counts column j - 1, then runs along as the place of its next entry.
  Index* place = out.offsets + 1;
  std::fill_n(out.offsets, width + 2, Index{0});
  for (Index i = row_begin; i < row_end; ++i)
    for (Index at = x.begin(i); at < x.end(i); ++at) ++place[x.columns[at] + 1];
  for (Index j = 0; j < width; ++j) place[j + 1] += place[j];
  for (Index i = row_begin; i < row_end; ++i) {
    for (Index at = x.begin(i); at < x.end(i); ++at) {
      const Index to = place[x.columns[at]]++;
      out.rows[to] = i - row_begin;
      out.values[to] = x.values[at];
    }
  }
}

void sparse_weight_gradient(const SparseColumns& x, const float* d_y, Index d_y_stride,
                            PanelShape shape, Index panel, Index begin, Index end,
                            const UpdateTarget& target) {
  const Index width = shape.width(panel), stride = shape.stride(panel);
  const float* units = d_y + panel * kPanelWidth;
  for (Index j = begin; j < end; ++j) {
    Vector sums[1] = {Vector::zero()};
    for (Index at = x.offsets[j]; at < x.offsets[j + 1]; ++at) {
      const float* row = units + x.rows[at] * d_y_stride;
      sums[0] = fma(Vector::set(x.values[at]), Vector::load_up_to(row, width), sums[0]);
    }
    update_tile(sums, stride, shape.offset(panel) + j * stride, target);
  }
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
