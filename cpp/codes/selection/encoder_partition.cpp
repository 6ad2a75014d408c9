#include "codes/selection/encoder_partition.h"

#include <algorithm>
#include <limits>

#include "core/parallel.h"
#include "kernels/selection/screen.h"
#include "kernels/stored_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Per thread. With fewer rows latents are split, into at most kPartsPerThread parts per thread.
constexpr Index kMinRowsPerThread = 24, kPartsPerThread = 4;

// With fewer rows or a smaller depth, filling the tiles of a screen costs more than it saves.
constexpr Index kMinScreenedRows = 48, kMinScreenedDepth = 64;

// Of panels that are widened at a time: few rows find them in the L2 cache; for many, a screen
// rounds the rows again for each block of panels.
constexpr Index kWidenedFloats = Index{1} << 18, kWidenedForFewRows = Index{1} << 16;

// Memory of the calling thread for widened panels, kept.
float* widened_scratch(Index floats) {
  static thread_local AlignedBuffer memory;
  return kept_scratch(memory, floats);
}

// The screen of a product; kNone if it has no bounds or its depth does not suit a screen.
ScreenKind screen_of(const EncoderProduct& product) {
  const Index depth = product.w.shape.rows;
  const bool is_bounded = product.terms.lower_bounds || product.threshold > -kInfinity;
  return is_bounded && depth >= kMinScreenedDepth && depth <= kMaxScreenedDepth ? best_screen()
                                                                                : ScreenKind::kNone;
}

// Values of a block's rows. Rounded, they take 2 bytes each and stay in the L2 cache beside two
// panels: it has 2 MB on processors with a matrix unit, 1 MB or more with AVX-512, half of that on
// others. The more rows a block has, the fewer times W is read and the fuller are the tiles of the
// rows that pass the screen.
Index block_floats(ScreenKind screen) {
  constexpr bool has_large_cache = Vector::kParts == 1;
  if (screen == ScreenKind::kMatrix) return 512 * 1024;
  if (screen == ScreenKind::kInt16) return (has_large_cache ? 256 : 128) * 1024;
  return 64 * 1024;
}

}  // namespace

bool EncoderPartition::splits_latents(Index rows) {
  return rows < kMinRowsPerThread * num_threads();
}

Index EncoderPartition::max_block_rows(const EncoderProduct& product) {
  constexpr Index kMinRows = 48;
  return std::max(kMinRows,
                  block_floats(screen_of(product)) / std::max<Index>(product.w.shape.rows, 1));
}

EncoderPartition::EncoderPartition(const EncoderProduct& product, Index rows, Arena& arena)
    : product_(product), threads_(num_threads()), parts_(1), block_rows_(std::max<Index>(rows, 1)) {
  if (!product.w.is_float32()) {
    const Index panel = std::max<Index>(product.w.shape.rows, 1) * kPanelWidth;
    const Index floats = splits_latents(rows) ? kWidenedForFewRows : kWidenedFloats;
    widened_panels_ = std::max<Index>(floats / panel, 1);
  }
  if (splits_latents(rows)) {
    parts_ = std::clamp<Index>(product.panels(), 1, kPartsPerThread * threads_);
    return;
  }
  const Index blocks = ceil_divide(rows, max_block_rows(product) * threads_) * threads_;
  block_rows_ = ceil_divide(rows, blocks);
  screen_ = block_rows_ >= kMinScreenedRows ? screen_of(product) : ScreenKind::kNone;
  if (screen_ == ScreenKind::kNone) return;
  scratch_floats_ = round_up(screen_floats(block_rows_, product.w.shape.rows), kPanelWidth);
  scratch_ = arena.take<float>(threads_ * scratch_floats_);
}

void EncoderPartition::multiply(int thread, const Rows& x, Index row_begin, Index row_end,
                                Index panel_begin, Index panel_end, Index k,
                                const Candidates& candidates) const {
  ScreenSpace space;
  if (screen_ != ScreenKind::kNone && row_end - row_begin >= kMinScreenedRows)
    space = {screen_, scratch_ + thread * scratch_floats_};
  const StoredPanels& w = product_.w;
  if (w.is_float32())
    return top_k_product(x, row_begin, row_end, w.float32(), product_.terms, panel_begin, panel_end,
                         k, candidates, space);
  float* widened = widened_scratch(widened_panels_ * w.shape.rows * kPanelWidth);
  for (Index begin = panel_begin; begin < panel_end; begin += widened_panels_) {
    const Index end = std::min(begin + widened_panels_, panel_end);
    widen_panels(w, begin, end, widened);
    top_k_product(x, row_begin, row_end, {widened, w.shape, begin}, product_.terms, begin, end, k,
                  candidates, space);
  }
}

}  // namespace gatewise
