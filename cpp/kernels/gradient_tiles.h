// The tiles of a weight gradient for many rows: how a block's values are packed and multiplied.
//
// A form has kRows, the rows of W of a tile; Scope, whose object lives meanwhile;
//   pack_x(x, row, count, begin, end, packed): columns [begin, end) of rows [row, row + count);
//   pack_d_y<kPanels>(d_y, stride, count, width, packed): `count` rows of `width` columns;
//   multiply<kPanels>(x, first, rows, d_y, count, add, g): g[p][r, c] = sum_i x[i, first + r]
//     d_y[i, p, c] for up to `rows` rows r and the 16 columns c of each panel p, in a memory of
//     16 (rows rounded up to kGradientTileRows) floats; if `add`, sums continue from the value in
//     g.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/quantized_panels.h"
#include "kernels/tile.h"

namespace gatewise {

// Panels of a tile: two with 32 registers, because one panel needs a load per addition.
inline constexpr int kTilePanels =
    std::max(1, kAccumulators / (Vector::kParts * kGradientTileRows));
static_assert(kTilePanels == 1 || kTilePanels == 2);  // the only cases in for_panels' body

// A block's panels of d_y (16 KB) and a tile's columns of x (6 KB) fit the L1 cache. The block's
// columns of x for a chunk of W's rows (256 or 512 KB) fit the L2 cache.
inline constexpr Index kGradientBlockRows = 256 / kTilePanels;
inline constexpr Index kChunkRows = 512 / kGradientTileRows * kGradientTileRows;

// Floats of one tile of packed x: kGradientTileRows values per row of the block, plus one cache
// line. With a stride of exactly 6 KB, the lines that a row of x is packed into would share two
// sets of the L1 cache.
inline constexpr Index kTileFloats = kGradientBlockRows * kGradientTileRows + kPanelWidth;
inline constexpr Index kPackedFloats = kChunkRows / kGradientTileRows * kTileFloats;

// Blocks of rows end where sums of bfloat16 products may be interrupted.
static_assert(kGradientBlockRows % kDotDepth == 0);

// Copies the values of a row of x to the tiles of packed x.
inline void copy_to_tiles(const float* values, Index count, float* out) {
  Index j = 0;
  for (; j + kGradientTileRows <= count; j += kGradientTileRows, out += kTileFloats)
    std::memcpy(out, values + j,
                sizeof(float) * kGradientTileRows);  // compiles to moves, not to a call
  if (const Index rest = count - j; rest > 0) {
    std::fill_n(out, kGradientTileRows, 0.0f);
    std::copy_n(values + j, rest, out);
  }
}

// Tile of packed x with row `first` of W, a multiple of kGradientTileRows.
inline const float* tile_of(const float* packed_x, Index first) {
  return packed_x + first / kGradientTileRows * kTileFloats;
}

// sums[r][p] += x[r] d_y[p], for kRows values of a row of packed x and the panels of one of d_y.
template <int kRows, int kPanels>
GATEWISE_INLINE void add_gradient_row(const float* x, const float* d_y,
                                      Vector (&sums)[kRows][kPanels]) {
  Vector d_y_values[kPanels];
#pragma GCC unroll 2
  for (int p = 0; p < kPanels; ++p) d_y_values[p] = Vector::load(d_y + p * kPanelWidth);
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    const Vector value = Vector::set(x[r]);
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) sums[r][p] = fma(value, d_y_values[p], sums[r][p]);
  }
}

// Float32 products. x: [tiles of the chunk][block rows][kGradientTileRows], zero after the last row
// of W; d_y: [block rows][panels of a tile][16], zero after the last column.
struct Float32GradientTile {
  static constexpr Index kRows = kGradientTileRows;
  struct Scope {};

  static void pack_x(const Rows& x, Index row, Index count, Index begin, Index end, float* packed) {
    for (Index i = 0; i < count; ++i)
      copy_to_tiles(x.row(row + i) + begin, end - begin, packed + i * kGradientTileRows);
  }

  template <int kPanels>
  static void pack_d_y(const float* d_y, Index stride, Index count, Index width, float* packed) {
    for (int p = 0; p < kPanels; ++p)
      for (Index i = 0; i < count; ++i)
        Vector::load_up_to(d_y + i * stride + p * kPanelWidth, width - p * kPanelWidth)
            .store(packed + (i * kPanels + p) * kPanelWidth);
  }

  template <int kPanels>
  static void multiply(const float* packed_x, Index first, Index, const float* d_y, Index count,
                       bool add, float* const* g) {
    const float* x = tile_of(packed_x, first);
    Vector sums[kGradientTileRows][kPanels];
#pragma GCC unroll 12
    for (int r = 0; r < kGradientTileRows; ++r)
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p)
        sums[r][p] = add ? Vector::load(g[p] + r * kPanelWidth) : Vector::zero();
    for (Index i = 0; i < count; ++i)
      add_gradient_row(x + i * kGradientTileRows, d_y + i * kPanels * kPanelWidth, sums);
#pragma GCC unroll 12
    for (int r = 0; r < kGradientTileRows; ++r)
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) sums[r][p].store(g[p] + r * kPanelWidth);
  }
};

// Bfloat16 products by float32 instructions: as above, but of each block of kDotDepth rows
// those with even index are packed before the others.
struct PlaneGradientTile {
  static constexpr Index kRows = kGradientTileRows;
  struct Scope {};

  static Index even_rows(Index count) { return ceil_divide(count, 2); }

  // Where row i of `count` is packed.
  static Index packed_row(Index i, Index count) {
    const Index block = i / kDotDepth * kDotDepth, in_block = i - block;
    const Index even = even_rows(std::min(kDotDepth, count - block));
    return block + (in_block % 2) * even + in_block / 2;
  }

  static void pack_x(const Rows& x, Index row, Index count, Index begin, Index end, float* packed) {
    alignas(64) float rounded[round_up(kChunkRows, kPanelWidth)];
    for (Index i = 0; i < count; ++i) {
      const float* values = x.row(row + i) + begin;
      for (Index j = 0; j < end - begin; j += kPanelWidth)
        nearest_bfloat16(Vector::load_up_to(values + j, end - begin - j)).store(rounded + j);
      copy_to_tiles(rounded, end - begin, packed + packed_row(i, count) * kGradientTileRows);
    }
  }

  template <int kPanels>
  static void pack_d_y(const float* d_y, Index stride, Index count, Index width, float* packed) {
    for (int p = 0; p < kPanels; ++p)
      for (Index i = 0; i < count; ++i)
        nearest_bfloat16(
            Vector::load_up_to(d_y + i * stride + p * kPanelWidth, width - p * kPanelWidth))
            .store(packed + (packed_row(i, count) * kPanels + p) * kPanelWidth);
  }

  // Some of the tile's rows at a time, because a block has two sums.
  template <int kPanels>
  static void multiply(const float* packed_x, Index first_row, Index, const float* d_y, Index count,
                       bool add, float* const* g) {
    const float* x = tile_of(packed_x, first_row);
    constexpr int kSome = std::max(1, kGradientTileRows / 2);
    static_assert(kGradientTileRows % kSome == 0);
    for (int first = 0; first < kGradientTileRows; first += kSome)
      for (Index block = 0; block < count; block += kDotDepth) {
        const Index rows = std::min(kDotDepth, count - block), even = even_rows(rows);
        Vector sums[2][kSome][kPanels];
#pragma GCC unroll 12
        for (int r = 0; r < kSome; ++r)
#pragma GCC unroll 2
          for (int p = 0; p < kPanels; ++p) sums[0][r][p] = sums[1][r][p] = Vector::zero();
        const auto add_row = [&](Index i, int parity) GATEWISE_INLINE_LAMBDA {
          add_gradient_row(x + i * kGradientTileRows + first, d_y + i * kPanels * kPanelWidth,
                           sums[parity]);
        };
        for (Index i = 0; i < rows / 2; ++i) {
          add_row(block + i, 0);
          add_row(block + even + i, 1);
        }
        if (rows % 2 == 1) add_row(block + even - 1, 0);
#pragma GCC unroll 12
        for (int r = 0; r < kSome; ++r)
#pragma GCC unroll 2
          for (int p = 0; p < kPanels; ++p) {
            float* out = g[p] + (first + r) * kPanelWidth;
            const Vector before = add || block > 0 ? Vector::load(out) : Vector::zero();
            (sums[0][r][p] + sums[1][r][p] + before).store(out);
          }
      }
  }
};

}  // namespace gatewise
