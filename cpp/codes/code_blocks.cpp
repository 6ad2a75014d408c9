#include "codes/code_blocks.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/screen.h"

namespace gatewise {
namespace {

// Of a thread.
constexpr Index kFewRows = 24, kPartsPerThread = 4;

// A screen is for rows and depths that make the unit's tiles worth filling.
constexpr Index kLeastScreenedRows = 48, kLeastScreenedDepth = 64;

bool is_screened(const CodeProduct& product) {
  return has_matrix_unit() && product.w.shape.rows >= kLeastScreenedDepth;
}

}  // namespace

bool CodeBlocks::is_few(Index rows) { return rows < kFewRows * num_threads(); }

// With a screen, rounded rows take half of the room: processors that have a matrix unit have a
// second cache of 2 MB. And the more rows, the fuller the tiles of those that pass.
Index CodeBlocks::most_rows(const CodeProduct& product) {
  constexpr Index kBlockFloats = 64 * 1024, kScreenedFloats = 512 * 1024, kLeastRows = 48;
  const Index floats = is_screened(product) ? kScreenedFloats : kBlockFloats;
  return std::max(kLeastRows, floats / std::max<Index>(product.w.shape.rows, 1));
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
  if (!is_screened(product) || block_rows_ < kLeastScreenedRows) return;
  scratch_floats_ = round_up(Screen::floats(block_rows_, product.w.shape.rows), kPanelWidth);
  scratch_ = arena.take<float>(threads * scratch_floats_);
}

void CodeBlocks::multiply(int thread, const Rows& x, Index row_begin, Index row_end,
                          Index panel_begin, Index panel_end, Index k,
                          const Candidates& candidates) const {
  const bool is_screened = scratch_ && row_end - row_begin >= kLeastScreenedRows;
  top_k_product(x, row_begin, row_end, product_.w, product_.terms, panel_begin, panel_end, k,
                candidates, is_screened ? scratch_ + thread * scratch_floats_ : nullptr);
}

}  // namespace gatewise
