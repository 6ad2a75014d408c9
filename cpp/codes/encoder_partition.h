// How a product that codes are chosen from is shared out over threads: by rows, in blocks of which
// what is read most stays in the second cache while all of W passes, or by latents where the rows
// are few.
#pragma once

#include "codes/codes.h"

namespace gatewise {

class EncoderPartition {
 public:
  // Fewer rows would read W too often, and its latents are cut instead.
  static bool splits_latents(Index rows);
  // The most rows of a block.
  static Index max_block_rows(const EncoderProduct& product);

  // For at most `rows` rows of the product at once.
  EncoderPartition(const EncoderProduct& product, Index rows, Arena& arena);

  // The threads that `multiply` has room for, for `parallel_for`: the number may change meanwhile.
  int threads() const { return threads_; }
  // Parts of the latents, each with all rows; 1 where blocks of rows are shared out.
  Index parts() const { return parts_; }
  // Rows of a block; with several parts, all of them.
  Index block_rows() const { return block_rows_; }
  // Blocks of so many rows.
  Index count(Index rows) const { return ceil_divide(rows, block_rows_); }

  // As `top_k_product`, on thread `thread` of `parallel_for`.
  void multiply(int thread, const Rows& x, Index row_begin, Index row_end, Index panel_begin,
                Index panel_end, Index k, const Candidates& candidates) const;

 private:
  const EncoderProduct& product_;
  int threads_;
  Index parts_, block_rows_;
  ScreenKind screen_ = ScreenKind::kNone;
  Index scratch_floats_ = 0;
  float* scratch_ = nullptr;  // of each thread's screen
};

}  // namespace gatewise
