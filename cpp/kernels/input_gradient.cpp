#include "kernels/input_gradient.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/tile.h"

namespace gatewise {
namespace {

// A tile of 4 rows by as many columns as there are registers for.
constexpr int kRowsAtOnce = 4;
constexpr int kColumnsAtOnce = kAccumulators / kRowsAtOnce;

float sum_register(Native::Type value) {
  float lanes[Native::kWidth];
  Native::store(lanes, value);
  for (int half = Native::kWidth / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

using Tile = void (*)(const float* d_y, Index d_y_stride, Index row, const Panels& w, Index column,
                      const InputGradient& out);

template <int kRows, int kColumns>
void multiply_tile(const float* d_y, Index d_y_stride, Index row, const Panels& w, Index column,
                   const InputGradient& out) {
  Native::Type sums[kRows][kColumns];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 6
    for (int c = 0; c < kColumns; ++c) sums[r][c] = Native::zero();

  // One register's width of units: rows of d_y times rows of W, lane by lane.
  const auto add = [&](const float* a, const float* b, Index b_stride, auto load)
                       GATEWISE_INLINE_LAMBDA {
                         Native::Type weights[kColumns];
#pragma GCC unroll 6
                         for (int c = 0; c < kColumns; ++c) weights[c] = load(b + c * b_stride);
#pragma GCC unroll 4
                         for (int r = 0; r < kRows; ++r) {
                           const Native::Type value = load(a + r * d_y_stride);
#pragma GCC unroll 6
                           for (int c = 0; c < kColumns; ++c)
                             sums[r][c] = Native::fma(value, weights[c], sums[r][c]);
                         }
                       };

  const float* a = d_y + row * d_y_stride;
  const Index panels = w.shape.panels();
  for (Index p = 0; p < panels; ++p) {
    const Index width = w.shape.width(p), stride = w.shape.stride(p);
    const float* b = w.panel(p) + column * stride;
    for (Index lane = 0; lane < width; lane += Native::kWidth) {
      const Index rest = width - lane;
      const float* units = a + p * kPanelWidth + lane;
      if (rest >= Native::kWidth) {
        add(units, b + lane, stride, [](const float* at) { return Native::load(at); });
      } else {
        add(units, b + lane, stride,
            [rest](const float* at) { return Native::load_partial(at, rest); });
      }
    }
  }
  // Unrolled, as every loop over the sums must be: an index known only at run time would keep them
  // in memory and not in registers.
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const Index target = out.target ? out.target[row + r] : row + r;
    float* d_x = out.d_x + target * out.stride + column;
#pragma GCC unroll 6
    for (int c = 0; c < kColumns; ++c) {
      const float sum = sum_register(sums[r][c]);
      d_x[c] = out.accumulate ? d_x[c] + sum : sum;
    }
  }
}

template <int kRows>
constexpr std::array<Tile, kColumnsAtOnce> tiles_of_rows() {
  return []<int... kColumns>(std::integer_sequence<int, kColumns...>) {
    return std::array<Tile, kColumnsAtOnce>{&multiply_tile<kRows, kColumns + 1>...};
  }(std::make_integer_sequence<int, kColumnsAtOnce>{});
}

// kTiles[r - 1][c - 1]: r rows by c columns.
constexpr auto kTiles = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array<std::array<Tile, kColumnsAtOnce>, kRowsAtOnce>{tiles_of_rows<kRows + 1>()...};
}(std::make_integer_sequence<int, kRowsAtOnce>{});

}  // namespace

void input_gradient(const float* d_y, Index d_y_stride, Index row_begin, Index row_end,
                    const Panels& w, Index column_begin, Index column_end,
                    const InputGradient& out) {
  for (Index column = column_begin; column < column_end; column += kColumnsAtOnce) {
    const Index columns = std::min<Index>(kColumnsAtOnce, column_end - column);
    for (Index row = row_begin; row < row_end; row += kRowsAtOnce) {
      const Index rows = std::min<Index>(kRowsAtOnce, row_end - row);
      kTiles[rows - 1][columns - 1](d_y, d_y_stride, row, w, column, out);
    }
  }
}

}  // namespace gatewise
