#include "kernels/forward_product.h"

#include "kernels/block_sizes.h"
#include "kernels/tile_walk.h"

namespace gatewise {
namespace {

// True if rows are multiplied in parts.
bool is_deep(PanelShape shape) { return shape.rows > depth_block(); }

// Rows and panels from which packing rows pays.
constexpr Index kMinRows = 24, kMinPanels = 8;

// The product of rows too deep for the caches. The depth is cut into parts. The rows of a block are
// packed, part by part, and stay in the L2 cache while all panels pass. Sums wait in y between two
// parts and are taken up again.
class DeepProduct {
 public:
  DeepProduct(const Rows& x, const Panels& w, const Epilogue& epilogue, float* scratch)
      : x_(x), w_(w), epilogue_(epilogue), part_(part_of_depth(w.shape.rows)), packed_(scratch) {}

  // Floats from one packed row to the next: at a multiple of 4096 bytes they would share cache
  // lines.
  static Index stride(Index part) { return part + kPanelWidth; }

  // Parts of nearly equal size, each at most a depth_block().
  static Index part_of_depth(Index depth) {
    return round_up(ceil_divide(depth, ceil_divide(depth, depth_block())), kPanelWidth);
  }

  void run(Index row_begin, Index row_end, Index panel_begin, Index panel_end) {
    const Index blocks = ceil_divide(row_end - row_begin, kBlockRows);
    const Index block = round_up(ceil_divide(row_end - row_begin, blocks), kTileRows);
    for (Index row = row_begin; row < row_end; row += block) {
      const Index count = std::min(block, row_end - row);
      for (begin_ = 0; begin_ < w_.shape.rows; begin_ = end_) {
        end_ = std::min(begin_ + part_, w_.shape.rows);
        for (Index r = 0; r < count; ++r)
          std::copy(x_.row(row + r) + begin_, x_.row(row + r) + end_, packed_ + r * stride(part_));
        multiply_part(row, count, panel_begin, panel_end);
      }
    }
  }

 private:
  // Multiplies the packed part of `count` rows from `row` on. A group of panels stays in cache
  // while the tiles of the rows pass; each tile prefetches its share of the next group.
  void multiply_part(Index row, Index count, Index panel_begin, Index panel_end) {
    const RowTiles tiles(count);
    const Index group = tile_panels(tiles.min_rows()), depth = end_ - begin_;
    const Index steps = ceil_divide(depth, kPrefetchDepth);
    for (Index panel = panel_begin; panel < panel_end; panel += group) {
      const Index group_end = std::min(panel_end, panel + group);
      const Index lines = ceil_divide(kPrefetchDepth * group, tiles.count());
      for (Index tile = 0; tile < tiles.count(); ++tile) {
        const Index line = tile * lines * steps, next = group_end + line / depth;
        const Prefetch prefetch{part_of(next) + line % depth * kPanelWidth,
                                next < std::min(panel_end, group_end + group) ? lines : 0};
        multiply_tiles(row, tiles.begin(tile), tiles.rows(tile), panel, group_end, prefetch);
      }
    }
  }

  // Multiplies rows [first, first + rows) of the block at `row`.
  void multiply_tiles(Index row, Index first, int rows, Index panel_begin, Index panel_end,
                      const Prefetch& prefetch) {
    const float* a[kTileRows];
    for (int r = 0; r < rows; ++r) a[r] = packed_ + (first + r) * stride(part_);
    const int at_once = tile_panels(rows);
    TileSums sums;
    for (Index panel = panel_begin; panel < panel_end; panel += at_once) {
      const int panels = static_cast<int>(std::min<Index>(at_once, panel_end - panel));
      const float* b[kMaxPanels];
      for (int p = 0; p < panels; ++p) b[p] = part_of(panel + p);
      const bool goes_on = begin_ > 0;
      if (goes_on)
        for_each_sum(sums, row + first, rows, panel, panels, [](float* sum, float* y, Index width) {
          Vector::load_up_to(y, width).store(sum);
        });
      multiply_tile(a, rows, b, panels, w_.shape.stride(panel + panels - 1), end_ - begin_,
                    prefetch, sums, goes_on);
      if (end_ < w_.shape.rows)
        for_each_sum(sums, row + first, rows, panel, panels, [](float* sum, float* y, Index width) {
          Vector::load(sum).store_up_to(y, width);
        });
      else
        for (int p = 0; p < panels; ++p)
          finish(sums.values + p * rows, row + first, rows, panel + p, w_.shape.width(panel + p),
                 epilogue_);
    }
  }

  // Calls body(sums, y, width) for each row of each panel of a tile.
  template <typename Body>
  void for_each_sum(TileSums& sums, Index row, int rows, Index panel, int panels,
                    const Body& body) const {
    for (int p = 0; p < panels; ++p)
      for (int r = 0; r < rows; ++r)
        body(sums.values[p * rows + r],
             epilogue_.y + (row + r) * epilogue_.y_stride + (panel + p) * kPanelWidth,
             w_.shape.width(panel + p));
  }

  const float* part_of(Index panel) const {
    return w_.panel(panel) + begin_ * w_.shape.stride(panel);
  }

  const Rows& x_;
  const Panels& w_;
  const Epilogue& epilogue_;
  Index part_;                 // of the depth
  Index begin_ = 0, end_ = 0;  // the packed part
  float* packed_;              // [kBlockRows, stride(part_)]
};

}  // namespace

Index forward_scratch(PanelShape shape) {
  if (!is_deep(shape)) return 0;
  return kBlockRows * DeepProduct::stride(DeepProduct::part_of_depth(shape.rows));
}

void forward_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                     Index panel_begin, Index panel_end, const Epilogue& epilogue, float* scratch) {
  if (scratch && is_deep(w.shape) && row_end - row_begin >= kMinRows &&
      panel_end - panel_begin >= kMinPanels)
    return DeepProduct(x, w, epilogue, scratch).run(row_begin, row_end, panel_begin, panel_end);
  walk_tiles(x, row_begin, row_end, w, panel_begin, panel_end,
             [&](const float (*sums)[kPanelWidth], Index row, int rows, Index panel) {
               finish(sums, row, rows, panel, w.shape.width(panel), epilogue);
             });
}

}  // namespace gatewise
