#include "codes/candidate_blocks.h"

namespace gatewise {
namespace {

// Blocks of rows that are computed before their candidates are looked at, for each thread.
constexpr Index kBlocksPerThread = 2;

}  // namespace

CandidateBlocks::CandidateBlocks(const CodeProduct& product, Arena& arena) : product_(product) {
  const Index threads = num_threads(), panels = std::max<Index>(product.panels(), 1);
  const bool is_few = product.rows < kFewCodeRows * threads;
  parts_ = is_few ? std::min(panels, kCodePartsPerThread * threads) : 1;
  rows_at_once_ = std::min(
      product.rows, is_few ? product.rows : kBlocksPerThread * threads * code_block_rows(product));
  all_.room = whole_room(ceil_divide(panels, parts_) * kPanelWidth);
  const Index lists = parts_ * rows_at_once_;
  all_.lists = arena.take<Candidate>(lists * all_.room);
  all_.counts = arena.take<std::int32_t>(lists);
  all_.bounds = arena.take<float>(lists);
}

bool CandidateBlocks::next() {
  first_row_ += rows_;
  rows_ = std::min(rows_at_once_, product_.rows - first_row_);
  if (rows_ <= 0) return false;
  const Index panels = product_.panels();
  const Index blocks = parts_ > 1 ? 1 : ceil_divide(rows_, code_block_rows(product_));
  const Index block_rows = ceil_divide(rows_, blocks);
  begin_candidates(parts_ * rows_, product_.least, all_);
  parallel_for(
      parts_ * blocks, product_.operations(block_rows, ceil_divide(panels, parts_)),
      [&](Index begin, Index end) {
        for (Index item = begin; item < end; ++item) {
          const Index part = item / blocks, row = item % blocks * block_rows;
          if (row >= rows_) continue;
          top_k_product(product_.x.from(first_row_), row, std::min(row + block_rows, rows_),
                        product_.w, product_.terms,
                        product_.panel_begin + panels * part / parts_,
                        product_.panel_begin + panels * (part + 1) / parts_, all_.room,
                        all_.from(part * rows_));
        }
      });
  return true;
}

Index CandidateBlocks::count(Index i) const {
  Index sum = 0;
  for (Index part = 0; part < parts_; ++part) sum += all_.counts[part * rows_ + i];
  return sum;
}

Codes all_codes(const CodeProduct& product, Arena& arena) {
  return collect_codes(
      product, arena,
      [](Index, const std::int32_t*, const float*, Index count) { return count; });
}

}  // namespace gatewise
