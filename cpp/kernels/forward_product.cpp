#include "kernels/forward_product.h"

#include <algorithm>

#include "kernels/product_tile.h"

namespace gatewise {
namespace {

// Rows of x that stay in the second cache, with their outputs, while all panels pass: half of the
// smallest in use (512 KB, Zen 3).
constexpr Index kBlockFloats = 64 * 1024;

// Rows [row, row + rows) by panels [panel_begin, panel_end), one of `tiles` such tiles of rows.
// Each asks for its share of the panels that come next, `next` moves over them. A single tile is
// through its panels faster than others can be fetched, and the processor's own prefetcher follows
// it.
void multiply_rows(const Rows& x, Index row, int rows, const Panels& w, Index panel_begin,
                   Index panel_end, Index tiles, const float*& next, const Epilogue& epilogue) {
  const float* a[kTileRows];
  for (int r = 0; r < rows; ++r) a[r] = x.row(row + r);
  const int at_once = tile_panels(rows);
  TileSums sums;
  for (Index panel = panel_begin; panel < panel_end; panel += at_once) {
    const int panels = static_cast<int>(std::min<Index>(at_once, panel_end - panel));
    const float* b[kMostPanels];
    for (int p = 0; p < panels; ++p) b[p] = w.panel(panel + p);
    const Index lines = tiles > 1 ? ceil_divide(kStretch * panels, tiles) : 0;
    multiply_tile(a, rows, b, panels, w.shape.stride(panel + panels - 1), w.shape.rows,
                  {next, lines}, sums);
    next += ceil_divide(w.shape.rows, kStretch) * lines * kPanelWidth;
    for (int p = 0; p < panels; ++p)
      finish(sums.values + p * rows, row, rows, panel + p, w.shape.width(panel + p), epilogue);
  }
}

}  // namespace

void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  const Index depth = std::max<Index>(w.shape.rows, 1);
  const Index block = std::max<Index>(kBlockFloats / depth / kTileRows, 1) * kTileRows;
  for (Index begin = row_begin; begin < row_end; begin += block) {
    const RowTiles tiles(std::min(row_end - begin, block));
    const Index group = tile_panels(tiles.least());
    // Panels outside, rows inside: a panel stays in the first cache while the block's rows pass.
    for (Index panel = panel_begin; panel < panel_end; panel += group) {
      const Index group_end = std::min(panel_end, panel + group);
      const float* next = w.panel(group_end);
      for (Index tile = 0; tile < tiles.count(); ++tile) {
        multiply_rows(x, begin + tiles.begin(tile), tiles.rows(tile), w, panel, group_end,
                      tiles.count(), next, epilogue);
      }
    }
  }
}

}  // namespace gatewise
