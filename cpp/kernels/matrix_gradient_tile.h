// The form of kernels/gradient_tiles.h for a unit that multiplies tiles of bfloat16 values, such as
// AMX. Sums are those of PlaneGradientTile.
#pragma once

#include "kernels/bfloat16_planes.h"
#include "kernels/bfloat16_tile_block.h"
#include "kernels/gradient_tiles.h"
#include "kernels/transpose.h"

namespace gatewise {

// Tiles has the functions of AmxTiles (kernels/amx.h); tests emulate it.
template <typename Tiles>
class MatrixGradientTile {
 public:
  using Scope = typename Tiles::Scope;
  static constexpr Index kRows = 32;

  // packed: [columns][block rows] in bfloat16, transposed, followed by memory for 32 rows.
  static void pack_x(const Rows& x, Index row, Index count, Index begin, Index end, float* packed) {
    auto* to = reinterpret_cast<std::uint16_t*>(packed);
    float* columns = packed + kPackedX;
    for (Index i = 0; i < count; i += kDotDepth) {
      transpose_rows({x.data + begin, x.stride, x.index}, row + i, std::min(kDotDepth, count - i),
                     end - begin, kDotDepth, columns);
      for (Index j = 0; j < end - begin; ++j)
        to_bfloat16_row(columns + j * kDotDepth, kDotDepth, to + j * kStride + i);
    }
  }

  // packed: [panels][pairs of rows][16][2] in bfloat16, padded with zeros to whole blocks.
  template <int kPanels>
  static void pack_d_y(const float* d_y, Index stride, Index count, Index width, float* packed) {
    for (int p = 0; p < kPanels; ++p)
      for (Index i = 0; i < round_up(count, kDotDepth); i += 2) {
        const auto row = [&](Index at) GATEWISE_INLINE_LAMBDA {
          if (at >= count) return Vector::zero();
          return nearest_bfloat16(
              Vector::load_up_to(d_y + at * stride + p * kPanelWidth, width - p * kPanelWidth));
        };
        join_bfloat16(row(i), row(i + 1)).store(packed + p * kPackedPanel + i / 2 * kPanelWidth);
      }
  }

  template <int kPanels>
  static void multiply(const float* packed_x, Index first, Index rows, const float* d_y,
                       Index count, bool add, float* const* g) {
    const auto* x = reinterpret_cast<const std::uint16_t*>(packed_x) + first * kStride;
    // Of fewer than 16 rows, a tile's others are not in memory.
    const bool is_whole = rows % kTile == 0;
    alignas(64) float own[kPanels][kRows * kPanelWidth];
    float* const sums[2] = {is_whole ? g[0] : own[0], is_whole ? g[kPanels - 1] : own[kPanels - 1]};
    const auto floats = static_cast<std::size_t>(rows * kPanelWidth) * sizeof(float);
    for (int p = 0; p < kPanels; ++p)
      if (!add)
        std::fill_n(sums[p], round_up(rows, kTile) * kPanelWidth, 0.0f);
      else if (!is_whole)
        std::memcpy(own[p], g[p], floats);
    const auto* pairs = reinterpret_cast<const std::uint16_t*>(d_y);
    const TileOperands of{x, kStride, {pairs, pairs + 2 * kPackedPanel}};
    const Index steps = ceil_divide(count, kDotDepth);
    rows > kTile ? add_tile_products<Tiles, true, kPanels == 2>(of, steps, sums, [] {})
                 : add_tile_products<Tiles, false, kPanels == 2>(of, steps, sums, [] {});
    if (!is_whole)
      for (int p = 0; p < kPanels; ++p) std::memcpy(g[p], own[p], floats);
  }

 private:
  static constexpr Index kTile = 16;
  // Values from one packed column of x to the next: at a multiple of 4096 bytes they would share
  // cache lines.
  static constexpr Index kStride = kGradientBlockRows + kDotDepth;
  // Floats of packed x, and of a panel of packed d_y.
  static constexpr Index kPackedX = (kChunkRows + kRows) * kStride / 2;
  static constexpr Index kPackedPanel = kGradientBlockRows * kPanelWidth / 2;
  static_assert(kPackedX + round_up(kChunkRows, kPanelWidth) * kDotDepth <= kPackedFloats);
};

}  // namespace gatewise
