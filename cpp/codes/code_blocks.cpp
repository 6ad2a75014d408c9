#include "codes/code_blocks.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/screen.h"
#include "kernels/tile.h"

namespace gatewise {
namespace {

// Of a thread.
constexpr Index kFewRows = 24, kPartsPerThread = 4;

// A screen is for rows and depths that make the unit's tiles worth filling.
constexpr Index kLeastScreenedRows = 48, kLeastScreenedDepth = 64;

ScreenKind screen_of(const CodeProduct& product) {
  const Index depth = product.w.shape.rows;
  return depth >= kLeastScreenedDepth && depth <= kMostScreenedDepth ? best_screen()
                                                                     : ScreenKind::kNone;
}

// Values of a block's rows that lie in the second cache beside the rounded ones: processors that
// have a matrix unit have 2 MB of it, those with AVX-512 1 MB or more, others half of that. The
// more rows, the fuller the tiles of those that pass a screen.
Index block_floats(ScreenKind screen) {
  if (screen == ScreenKind::kMatrix) return 512 * 1024;
  return (screen == ScreenKind::kPairs && kTileRows > 6 ? 256 : 128) * 1024;
}

}  // namespace

bool CodeBlocks::is_few(Index rows) { return rows < kFewRows * num_threads(); }

Index CodeBlocks::most_rows(const CodeProduct& product) {
  constexpr Index kLeastRows = 48;
  return std::max(kLeastRows,
                  block_floats(screen_of(product)) / std::max<Index>(product.w.shape.rows, 1));
}

CodeBlocks::CodeBlocks(const CodeProduct& product, Index rows, Arena& arena)
    : product_(product), parts_(1), block_rows_(std::max<Index>(rows, 1)) {
  const Index threads = num_threads();
  if (is_few(rows)) {
    parts_ = std::clamp<Index>(product.panels(), 1, kPartsPerThread * threads);
    return;
  }
  const Index blocks = ceil_divide(rows, most_rows(product) * threads) * threads;
  block_rows_ = ceil_divide(rows, blocks);
  screen_ = block_rows_ >= kLeastScreenedRows ? screen_of(product) : ScreenKind::kNone;
  if (screen_ == ScreenKind::kNone) return;
  scratch_floats_ = round_up(screen_floats(block_rows_, product.w.shape.rows), kPanelWidth);
  scratch_ = arena.take<float>(threads * scratch_floats_);
}

void CodeBlocks::multiply(int thread, const Rows& x, Index row_begin, Index row_end,
                          Index panel_begin, Index panel_end, Index k,
                          const Candidates& candidates) const {
  ScreenSpace space;
  if (screen_ != ScreenKind::kNone && row_end - row_begin >= kLeastScreenedRows)
    space = {screen_, scratch_ + thread * scratch_floats_};
  top_k_product(x, row_begin, row_end, product_.w, product_.terms, panel_begin, panel_end, k,
                candidates, space);
}

}  // namespace gatewise
