#include "kernels/forward_product.h"

#include "kernels/tile_walk.h"

namespace gatewise {

void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  walk_tiles(x, row_begin, row_end, w, panel_begin, panel_end,
             [&](const float (*sums)[kPanelWidth], Index row, int rows, Index panel) {
               finish(sums, row, rows, panel, w.shape.width(panel), epilogue);
             });
}

}  // namespace gatewise
