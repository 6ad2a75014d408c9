#include "kernels/packed_gradient.h"

#include <algorithm>
#include <cstring>

#include "core/quantized_panels.h"

namespace gatewise {
namespace {

// Panels of a tile: two with 32 registers, because one panel needs a load per addition.
constexpr int kTilePanels = std::max(1, kAccumulators / (Vector::kParts * kGradientTileRows));
static_assert(kTilePanels == 1 || kTilePanels == 2);  // the only cases in for_panels' body

// A block's panels of d_y (16 KB) and a tile's columns of x (6 KB) fit the L1 cache. The block's
// columns of x for a chunk of W's rows (256 or 512 KB) fit the L2 cache.
constexpr Index kBlockRows = 256 / kTilePanels;
constexpr Index kChunkRows = 512 / kGradientTileRows * kGradientTileRows;

// Floats of one tile of packed x: kGradientTileRows values per row of the block, plus one cache
// line. With a stride of exactly 6 KB, the lines that a row of x is packed into would share two
// sets of the L1 cache.
constexpr Index kTileFloats = kBlockRows * kGradientTileRows + kPanelWidth;
constexpr Index kPackedFloats = kChunkRows / kGradientTileRows * kTileFloats;

struct Scratch {
  float* x;     // [tiles of the chunk][block rows][kGradientTileRows], zero after the last row of W
  float* d_y;   // [block rows][panels of a tile][16], zero after the last column
  float* sums;  // [panels][chunk rows][16]: partial sums between two blocks
};

Scratch divide(float* scratch) {
  float* d_y = scratch + kPackedFloats;
  return {scratch, d_y, d_y + kBlockRows * kTilePanels * kPanelWidth};
}

// Rows of a bfloat16 block of `count` rows with even index, which are packed before the others.
Index even_rows(Index count) { return ceil_divide(count, 2); }

// Where row i of `count` is packed.
template <Products kProducts>
Index packed_row(Index i, Index count) {
  if constexpr (kProducts == Products::kFloat32) return i;
  const Index block = i / kBfloat16Block * kBfloat16Block, in_block = i - block;
  const Index even = even_rows(std::min(kBfloat16Block, count - block));
  return block + (in_block % 2) * even + in_block / 2;
}

// Packs columns [begin, end) of rows [row, row + count) of x.
template <Products kProducts>
void pack_x(const Rows& x, Index row, Index count, Index begin, Index end, float* packed) {
  alignas(64) float rounded[round_up(kChunkRows, kPanelWidth)];
  for (Index i = 0; i < count; ++i) {
    const float* values = x.row(row + i) + begin;
    if constexpr (kProducts == Products::kBfloat16) {
      for (Index j = 0; j < end - begin; j += kPanelWidth)
        nearest_bfloat16(Vector::load_up_to(values + j, end - begin - j)).store(rounded + j);
      values = rounded;
    }
    float* out = packed + packed_row<kProducts>(i, count) * kGradientTileRows;
    Index j = 0;
    for (; j + kGradientTileRows <= end - begin; j += kGradientTileRows, out += kTileFloats)
      std::memcpy(out, values + j,
                  sizeof(float) * kGradientTileRows);  // compiles to moves, not to a call
    if (const Index rest = end - begin - j; rest > 0) {
      std::fill_n(out, kGradientTileRows, 0.0f);
      std::copy_n(values + j, rest, out);
    }
  }
}

// Packs one panel with a row stride of `packed_stride` floats.
template <Products kProducts>
void pack_d_y(const float* d_y, Index stride, Index count, Index width, float* packed,
              Index packed_stride) {
  for (Index i = 0; i < count; ++i) {
    float* out = packed + packed_row<kProducts>(i, count) * packed_stride;
    const Vector values = Vector::load_up_to(d_y + i * stride, width);
    if constexpr (kProducts == Products::kBfloat16)
      nearest_bfloat16(values).store(out);
    else
      values.store(out);
  }
}

// g[p][r, c] = sum_i x[i, r] d_y[i, p, c] for kGradientTileRows rows r and the 16 columns c of each
// panel p. If `add`, the sum continues from the value in g.
template <int kPanels>
void gradient_tile(const float* x, const float* d_y, Index count, bool add, float* const* g) {
  Vector sums[kGradientTileRows][kPanels];
#pragma GCC unroll 12
  for (int r = 0; r < kGradientTileRows; ++r)
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p)
      sums[r][p] = add ? Vector::load(g[p] + r * kPanelWidth) : Vector::zero();
  for (Index i = 0; i < count; ++i) {
    Vector d_y_values[kPanels];
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p)
      d_y_values[p] = Vector::load(d_y + (i * kPanels + p) * kPanelWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kGradientTileRows; ++r) {
      const Vector value = Vector::set(x[i * kGradientTileRows + r]);
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) sums[r][p] = fma(value, d_y_values[p], sums[r][p]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kGradientTileRows; ++r)
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) sums[r][p].store(g[p] + r * kPanelWidth);
}

// The same for bfloat16 values. Some of the tile's rows at a time, because a block has two sums.
template <int kPanels>
void bfloat16_gradient_tile(const float* x, const float* d_y, Index count, bool add,
                            float* const* g) {
  constexpr int kRows = std::max(1, kGradientTileRows / 2);
  static_assert(kGradientTileRows % kRows == 0);
  for (int first = 0; first < kGradientTileRows; first += kRows)
    for (Index block = 0; block < count; block += kBfloat16Block) {
      const Index rows = std::min(kBfloat16Block, count - block), even = even_rows(rows);
      Vector sums[2][kRows][kPanels];
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) sums[0][r][p] = sums[1][r][p] = Vector::zero();
      const auto add_row = [&](Index i, Vector(&to)[kRows][kPanels]) GATEWISE_INLINE_LAMBDA {
        Vector d_y_values[kPanels];
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p)
          d_y_values[p] = Vector::load(d_y + (i * kPanels + p) * kPanelWidth);
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) {
          const Vector value = Vector::set(x[i * kGradientTileRows + first + r]);
#pragma GCC unroll 2
          for (int p = 0; p < kPanels; ++p) to[r][p] = fma(value, d_y_values[p], to[r][p]);
        }
      };
      for (Index i = 0; i < rows / 2; ++i) {
        add_row(block + i, sums[0]);
        add_row(block + even + i, sums[1]);
      }
      if (rows % 2 == 1) add_row(block + even - 1, sums[0]);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) {
          float* out = g[p] + (first + r) * kPanelWidth;
          const Vector before = add || block > 0 ? Vector::load(out) : Vector::zero();
          (sums[0][r][p] + sums[1][r][p] + before).store(out);
        }
    }
}

// Moves rows of 16 floats to a stride of `stride` floats, in place.
void compact_rows(float* g, Index rows, Index stride) {
  for (Index j = 1; j < rows && stride < kPanelWidth; ++j)
    std::copy_n(g + j * kPanelWidth, stride, g + j * stride);
}

// Position of a block in the sum over rows.
struct Part {
  Index count;
  bool first, last;
};

// A range of W: rows [begin, end) of the chunk that starts at row `start`, from `panel` on.
struct Range {
  Index start, begin, end, panel;
};

// Gradient of a range in kPanels panels. sums  [kPanels][kChunkRows][16]: partial sums.
template <Products kProducts, int kPanels>
void panel_gradient(const Scratch& scratch, const Part& part, const Range& range, PanelShape shape,
                    float* sums, const UpdateTarget& target) {
  alignas(64) float own[kPanels][kUpdateRows * kPanelWidth];
  for (Index update_begin = range.begin; update_begin < range.end; update_begin += kUpdateRows) {
    const Index stop = std::min(range.end, update_begin + kUpdateRows);
    float* g[kPanels];
    for (int p = 0; p < kPanels; ++p)
      g[p] = part.first && part.last
                 ? own[p]
                 : sums + (p * kChunkRows + update_begin - range.start) * kPanelWidth;
    for (Index j = update_begin; j < stop; j += kGradientTileRows) {
      const Index count = std::min<Index>(kGradientTileRows, stop - j);
      float* tile[kPanels];
      for (int p = 0; p < kPanels; ++p) {
        const Index panel = range.panel + p, stride = shape.stride(panel);
        tile[p] = g[p] + (j - update_begin) * kPanelWidth;
        if (part.last) prefetch_target(target, shape.offset(panel) + j * stride, count * stride);
      }
      const auto run = kProducts == Products::kFloat32 ? &gradient_tile<kPanels>
                                                       : &bfloat16_gradient_tile<kPanels>;
      run(scratch.x + (j - range.start) / kGradientTileRows * kTileFloats, scratch.d_y, part.count,
          !part.first, tile);
    }
    if (!part.last) continue;
    for (int p = 0; p < kPanels; ++p) {
      const Index panel = range.panel + p, stride = shape.stride(panel);
      compact_rows(g[p], stop - update_begin, stride);
      apply_update(target, shape.offset(panel) + update_begin * stride, g[p],
                   (stop - update_begin) * stride);
    }
  }
}

template <Products kProducts>
void multiply_packed(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch) {
  const Scratch own = divide(scratch);
  const Index tiles = ceil_divide(shape.rows, kGradientTileRows);
  const Index first_panel = unit_begin / tiles;
  // A range within one panel needs only its own columns of x.
  const bool one_panel = (unit_end - 1) / tiles == first_panel;
  const Index from = one_panel ? unit_begin % tiles * kGradientTileRows : 0;
  const Index to = one_panel
                       ? std::min(shape.rows, ((unit_end - 1) % tiles + 1) * kGradientTileRows)
                       : shape.rows;
  for (Index start = from; start < to; start += kChunkRows) {
    const Index stop = std::min(to, start + kChunkRows);
    for (Index row = row_begin; row < row_end; row += kBlockRows) {
      const Part part{std::min(kBlockRows, row_end - row), row == row_begin,
                      row + kBlockRows >= row_end};
      pack_x<kProducts>(x, row, part.count, start, stop, own.x);
      const auto add = [&](Index panel, Index panels, Index begin, Index end) {
        const Range range{start, std::max(begin, start), std::min(end, stop), panel};
        if (range.begin >= range.end) return;
        for (Index p = 0; p < panels; ++p)
          pack_d_y<kProducts>(d_y + row * d_y_stride + (panel + p) * kPanelWidth, d_y_stride,
                              part.count, shape.width(panel + p), own.d_y + p * kPanelWidth,
                              panels * kPanelWidth);
        float* sums = own.sums + (panel - first_panel) * kChunkRows * kPanelWidth;
        const auto run =
            panels == 1 ? &panel_gradient<kProducts, 1> : &panel_gradient<kProducts, kTilePanels>;
        run(own, part, range, shape, sums, target);
      };
      for_panels(shape, unit_begin, unit_end, kTilePanels, add);
    }
  }
}

}  // namespace

Index weight_gradient_scratch(PanelShape shape, Index rows, Products products) {
  if (rows < kPackedRows && products == Products::kFloat32) return 0;
  const Index sums = rows > kBlockRows ? shape.panels() * kChunkRows * kPanelWidth : 0;
  return kPackedFloats + kBlockRows * kTilePanels * kPanelWidth + sums;
}

void packed_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch, Products products) {
  const auto run = products == Products::kFloat32 ? &multiply_packed<Products::kFloat32>
                                                  : &multiply_packed<Products::kBfloat16>;
  run(x, d_y, d_y_stride, row_begin, row_end, shape, unit_begin, unit_end, target, scratch);
}

}  // namespace gatewise
