#include "kernels/packed_gradient.h"

#include "kernels/amx.h"
#include "kernels/bfloat16_unit.h"
#include "kernels/gradient_tiles.h"
#include "kernels/matrix_gradient_tile.h"

namespace gatewise {
namespace {

struct Scratch {
  float* x;  // kPackedFloats, as the form packs them
  float* d_y;
  float* sums;  // [panels][chunk rows][16]: partial sums between two blocks
};

Scratch divide(float* scratch) {
  float* d_y = scratch + kPackedFloats;
  return {scratch, d_y, d_y + kGradientBlockRows * kTilePanels * kPanelWidth};
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
template <typename Form, int kPanels>
void panel_gradient(const Scratch& scratch, const Part& part, const Range& range, const Rows& d_y,
                    PanelShape shape, float* sums, const UpdateTarget& target) {
  alignas(64) float own[kPanels][kUpdateRows * kPanelWidth];
  Form::template pack_d_y<kPanels>(
      d_y.row(0) + range.panel * kPanelWidth, d_y.stride, part.count,
      std::min(kPanels * kPanelWidth, shape.cols - range.panel * kPanelWidth), scratch.d_y);
  for (Index update_begin = range.begin; update_begin < range.end; update_begin += kUpdateRows) {
    const Index stop = std::min(range.end, update_begin + kUpdateRows);
    float* g[kPanels];
    for (int p = 0; p < kPanels; ++p)
      g[p] = part.first && part.last
                 ? own[p]
                 : sums + (p * kChunkRows + update_begin - range.start) * kPanelWidth;
    for (Index j = update_begin; j < stop; j += Form::kRows) {
      const Index count = std::min(Form::kRows, stop - j);
      float* tile[kPanels];
      for (int p = 0; p < kPanels; ++p) {
        const Index panel = range.panel + p, stride = shape.stride(panel);
        tile[p] = g[p] + (j - update_begin) * kPanelWidth;
        if (part.last) prefetch_target(target, shape.offset(panel) + j * stride, count * stride);
      }
      Form::template multiply<kPanels>(scratch.x, j - range.start, count, scratch.d_y, part.count,
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

template <typename Form>
void multiply_packed(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch) {
  [[maybe_unused]] const typename Form::Scope scope;
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
    for (Index row = row_begin; row < row_end; row += kGradientBlockRows) {
      const Part part{std::min(kGradientBlockRows, row_end - row), row == row_begin,
                      row + kGradientBlockRows >= row_end};
      Form::pack_x(x, row, part.count, start, stop, own.x);
      const auto add = [&](Index panel, Index panels, Index begin, Index end) {
        const Range range{start, std::max(begin, start), std::min(end, stop), panel};
        if (range.begin >= range.end) return;
        float* sums = own.sums + (panel - first_panel) * kChunkRows * kPanelWidth;
        const auto run =
            panels == 1 ? &panel_gradient<Form, 1> : &panel_gradient<Form, kTilePanels>;
        run(own, part, range, {d_y + row * d_y_stride, d_y_stride}, shape, sums, target);
      };
      for_panels(shape, unit_begin, unit_end, kTilePanels, add);
    }
  }
}

// `multiply_packed` of bfloat16 products of `rows` rows.
auto bfloat16_form([[maybe_unused]] Index rows) {
#if GATEWISE_HAS_AMX
  if (rows >= kMinRowsOfBfloat16Tiles && best_bfloat16_unit() == Bfloat16Unit::kTiles)
    return &multiply_packed<MatrixGradientTile<AmxTiles>>;
#endif
  return &multiply_packed<PlaneGradientTile>;
}

}  // namespace

Index weight_gradient_scratch(PanelShape shape, Index rows, Products products) {
  if (rows < kPackedRows && products == Products::kFloat32) return 0;
  const Index sums = rows > kGradientBlockRows ? shape.panels() * kChunkRows * kPanelWidth : 0;
  return kPackedFloats + kGradientBlockRows * kTilePanels * kPanelWidth + sums;
}

void packed_gradient(const Rows& x, const float* d_y, Index d_y_stride, Index row_begin,
                     Index row_end, PanelShape shape, Index unit_begin, Index unit_end,
                     const UpdateTarget& target, float* scratch, Products products) {
  const auto run = products == Products::kFloat32 ? &multiply_packed<Float32GradientTile>
                                                  : bfloat16_form(row_end - row_begin);
  run(x, d_y, d_y_stride, row_begin, row_end, shape, unit_begin, unit_end, target, scratch);
}

}  // namespace gatewise
