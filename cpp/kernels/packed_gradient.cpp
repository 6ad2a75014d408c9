#include "kernels/packed_gradient.h"

namespace gatewise {
namespace {

// A block of rows: its panel of d_y (16 KB) and a tile's columns of x (6 KB on AVX2) lie in the
// first cache. A chunk of W's rows: the block's columns of x (512 KB) lie in the second.
constexpr Index kBlockRows = 256;
constexpr Index kChunkRows = 512 / kTileRows * kTileRows;

// One tile of packed x: kTileRows values for each row of the block.
constexpr Index kTileFloats = kBlockRows * kTileRows;

struct Scratch {
  float* x;     // [tiles of the chunk][block rows][kTileRows], zero behind the last row of W
  float* d_y;   // [block rows][16], zero behind the last column
  float* sums;  // [panels][chunk rows][16]: gradients between two blocks
};

Scratch divide(float* scratch) {
  const Index x = kChunkRows * kBlockRows + kPanelWidth;  // a row is stored as a whole register
  return {scratch, scratch + x, scratch + x + kBlockRows * kPanelWidth};
}

// Columns [begin, end) of rows [row, row + count) of x.
void pack_x(const Rows& x, Index row, Index count, Index begin, Index end, float* packed) {
  for (Index i = 0; i < count; ++i) {
    const float* values = x.row(row + i) + begin;
    float* out = packed + i * kTileRows;
    Index j = 0;
    for (; j + kTileRows <= end - begin; j += kTileRows, out += kTileFloats)
      std::copy_n(values + j, kTileRows, out);
    if (const Index rest = end - begin - j; rest > 0) {
      std::fill_n(out, kTileRows, 0.0f);
      std::copy_n(values + j, rest, out);
    }
  }
}

void pack_d_y(const float* d_y, Index stride, Index count, Index width, float* packed) {
  for (Index i = 0; i < count; ++i)
    Vector::load_up_to(d_y + i * stride, width).store(packed + i * kPanelWidth);
}

// g[r, c] (+)= sum_i x[i, r] d_y[i, c] for kTileRows rows r and 16 columns c.
void gradient_tile(const float* x, const float* d_y, Index count, bool add, float* g) {
  Vector sums[kTileRows];
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r)
    sums[r] = add ? Vector::load(g + r * kPanelWidth) : Vector::zero();
  for (Index i = 0; i < count; ++i) {
    const Vector units = Vector::load(d_y + i * kPanelWidth);
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; ++r)
      sums[r] = fma(Vector::set(x[i * kTileRows + r]), units, sums[r]);
  }
#pragma GCC unroll 12
  for (int r = 0; r < kTileRows; ++r) sums[r].store(g + r * kPanelWidth);
}

// Rows of 16 floats to rows of `stride`, in place.
void narrow(float* g, Index rows, Index stride) {
  for (Index j = 1; j < rows && stride < kPanelWidth; ++j)
    std::copy_n(g + j * kPanelWidth, stride, g + j * stride);
}

// Which part of the sum over rows a block is.
struct Part {
  Index count;
  bool first, last;
};

// Rows [begin, end) of a chunk that starts at row `start` of W, in one panel.
void panel_gradient(const Scratch& scratch, const Part& part, Index start, Index begin, Index end,
                    PanelShape shape, Index panel, float* sums, const UpdateTarget& target) {
  const Index stride = shape.stride(panel);
  alignas(64) float own[kStretchRows * kPanelWidth];
  for (Index stretch = begin; stretch < end; stretch += kStretchRows) {
    const Index stop = std::min(end, stretch + kStretchRows);
    float* g = part.first && part.last ? own : sums + (stretch - start) * kPanelWidth;
    for (Index j = stretch; j < stop; j += kTileRows) {
      const Index offset = shape.offset(panel) + j * stride;
      if (part.last) fetch_target(target, offset, std::min<Index>(kTileRows, stop - j) * stride);
      gradient_tile(scratch.x + (j - start) / kTileRows * kTileFloats, scratch.d_y, part.count,
                    !part.first, g + (j - stretch) * kPanelWidth);
    }
    if (!part.last) continue;
    narrow(g, stop - stretch, stride);
    apply_update(target, shape.offset(panel) + stretch * stride, g, (stop - stretch) * stride);
  }
}

}  // namespace

Index weight_gradient_scratch(PanelShape shape, Index rows) {
  if (rows < kPackedRows) return 0;
  const Index sums = rows > kBlockRows ? shape.panels() * kChunkRows * kPanelWidth : 0;
  return kChunkRows * kBlockRows + kPanelWidth + kBlockRows * kPanelWidth + sums;
}

void packed_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch) {
  const Scratch own = divide(scratch);
  const Index tiles = ceil_divide(shape.rows, kTileRows);
  const Index first_panel = unit_begin / tiles;
  // A range within one panel reads its own columns of x alone.
  const bool one_panel = (unit_end - 1) / tiles == first_panel;
  const Index from = one_panel ? unit_begin % tiles * kTileRows : 0;
  const Index to =
      one_panel ? std::min(shape.rows, ((unit_end - 1) % tiles + 1) * kTileRows) : shape.rows;
  for (Index start = from; start < to; start += kChunkRows) {
    const Index stop = std::min(to, start + kChunkRows);
    for (Index row = row_begin; row < row_end; row += kBlockRows) {
      const Part part{std::min(kBlockRows, row_end - row), row == row_begin,
                      row + kBlockRows >= row_end};
      pack_x(x, row, part.count, start, stop, own.x);
      for_panels(shape, unit_begin, unit_end, [&](Index panel, Index begin, Index end) {
        begin = std::max(begin, start);
        end = std::min(end, stop);
        if (begin >= end) return;
        pack_d_y(d_y + row * d_y_stride + panel * kPanelWidth, d_y_stride, part.count,
                 shape.width(panel), own.d_y);
        float* sums = own.sums + (panel - first_panel) * kChunkRows * kPanelWidth;
        panel_gradient(own, part, start, begin, end, shape, panel, sums, target);
      });
    }
  }
}

}  // namespace gatewise
