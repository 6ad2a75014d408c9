#include "kernels/forward_product.h"

#include <algorithm>

#include "kernels/product_tile.h"

namespace gatewise {
namespace {

// Rows of x that stay in the second cache, with their outputs, while all panels pass.
constexpr Index kBlockFloats = 128 * 1024;

// Below so many tiles a panel passes faster than the next one can be fetched, and the processor's
// own prefetcher follows it as well: 6 rows took a fifth longer with fetching.
constexpr Index kFetchTiles = 4;

// Fetches the next panels into the second cache, a share before each tile of rows.
class Fetch {
 public:
  Fetch(const float* next, Index floats, Index tiles)
      : next_(next),
        floats_(tiles >= kFetchTiles ? std::max<Index>(floats, 0) : 0),
        share_(round_up(ceil_divide(floats_, tiles), kPanelWidth)) {}

  void ahead(Index tile) const {
    const Index end = std::min(floats_, (tile + 1) * share_);
    for (Index at = tile * share_; at < end; at += kPanelWidth)
      __builtin_prefetch(next_ + at, 0, 2);
  }

 private:
  const float* next_;
  Index floats_;
  Index share_;
};

void multiply_rows(const Rows& x, Index row, int rows, const Panels& w, Index panel_begin,
                   Index panel_end, const Epilogue& epilogue) {
  const float* a[kTileRows];
  for (int r = 0; r < rows; ++r) a[r] = x.row(row + r);
  const int at_once = tile_panels(rows);
  TileSums sums;
  for (Index panel = panel_begin; panel < panel_end; panel += at_once) {
    const int panels = static_cast<int>(std::min<Index>(at_once, panel_end - panel));
    const float* b[kMostPanels];
    for (int p = 0; p < panels; ++p) b[p] = w.panel(panel + p);
    multiply_tile(a, rows, b, panels, w.shape.stride(panel + panels - 1), w.shape.rows, sums);
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
      const Index next_end = std::min(panel_end, group_end + group);
      const Fetch fetch(w.panel(group_end), w.shape.offset(next_end) - w.shape.offset(group_end),
                        tiles.count());
      for (Index tile = 0; tile < tiles.count(); ++tile) {
        fetch.ahead(tile);
        multiply_rows(x, begin + tiles.begin(tile), tiles.rows(tile), w, panel, group_end,
                      epilogue);
      }
    }
  }
}

}  // namespace gatewise
