#include "kernels/bfloat16_product.h"

#include "kernels/bfloat16.h"
#include "kernels/bfloat16_loops.h"
#include "kernels/bfloat16_operands.h"
#include "kernels/row_readers.h"

namespace gatewise {
namespace {

// Up to this many rows, panels are read as they are: widening them first would take longer.
constexpr Index kFewRows = 16;

void multiply_few_rows(const ForwardOperands& operands, Index row, Index rows, Index panel_begin,
                       Index panel_end, float* scratch) {
  const Index depth = round_up(operands.depth(), kDotDepth), stride = depth + kPanelWidth;
  for (Index r = 0; r < rows; ++r)
    to_planes(operands.row(row + r), operands.depth(), scratch + r * stride);
  const Index panel_stride = Bfloat16Panels::panel_values(operands.w.shape);
  const RowTiles tiles(rows, kPlaneTileRows);
  const Index group = plane_tile_panels(tiles.max_rows());
  for (Index panel = panel_begin; panel < panel_end; panel += group) {
    const int panels = static_cast<int>(std::min(group, panel_end - panel));
    for (Index tile = 0; tile < tiles.count(); ++tile) {
      const int count = tiles.rows(tile);
      alignas(64) float sums[kMaxPlanePanels * kPlaneTileRows][kPanelWidth] = {};
      multiply_pairs({scratch + tiles.begin(tile) * stride, stride}, count, operands.w.panel(panel),
                     panel_stride, panels, depth / kDotDepth, sums);
      for (int p = 0; p < panels; ++p)
        operands.finish(sums + p * count, row + tiles.begin(tile), count, panel + p);
    }
  }
}

}  // namespace

Index bfloat16_product_scratch(PanelShape shape) {
  return bfloat16_scratch<ForwardOperands>(shape.rows);
}

void bfloat16_product(const Rows& x, Index row_begin, Index row_end, const Bfloat16Panels& w,
                      Index panel_begin, Index panel_end, const Epilogue& epilogue, float* scratch,
                      Bfloat16Unit unit) {
  if (row_begin >= row_end) return;
  const ForwardOperands operands{x, w, epilogue};
  const Index rows = row_end - row_begin;
  if (unit == Bfloat16Unit::kPlanes ? rows <= kFewRows : rows < kMinRowsOfBfloat16Tiles)
    return multiply_few_rows(operands, row_begin, rows, panel_begin, panel_end, scratch);
  multiply_bfloat16(operands, row_begin, row_end, panel_begin, panel_end, scratch, unit);
}

void sparse_bfloat16_product(const SparseRows& x, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index panel_begin, Index panel_end,
                             const Epilogue& epilogue) {
  for (Index panel = panel_begin; panel < panel_end; ++panel) {
    const std::uint16_t* b = w.panel(panel);
    for (Index row = row_begin; row < row_end; ++row) {
      Vector sum = Vector::zero();
      Vector of_parity[2];
      for (Index at = x.begin(row); at < x.end(row);) {
        const Index block = x.columns[at] / kDotDepth;
        of_parity[0] = of_parity[1] = Vector::zero();
        for (; at < x.end(row) && x.columns[at] / kDotDepth == block; ++at) {
          const Index k = x.columns[at];
          const auto pairs = Bfloat16Pairs::load(b + k / 2 * (2 * kPanelWidth));
          Vector& own = of_parity[k % 2];
          own = fma(Vector::set(from_bfloat16(to_bfloat16(x.values[at]))),
                    k % 2 == 0 ? pairs.low() : pairs.high(), own);
        }
        sum = of_parity[0] + of_parity[1] + sum;
      }
      alignas(64) float stored[kPanelWidth];
      sum.store(stored);
      finish(&stored, row, 1, panel, w.shape.width(panel), epilogue);
    }
  }
}

}  // namespace gatewise
