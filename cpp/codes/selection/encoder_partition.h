// Divides an encoder product among threads: by rows, in blocks whose most-read data stays in the L2
// cache while all of W is read, or by latents if there are few rows.
#pragma once

#include "codes/codes.h"

namespace gatewise {

class EncoderPartition {
 public:
  // True if there are so few rows that splitting them would read W too often; latents are split.
  static bool splits_latents(Index rows);
  // Maximum row count of a block.
  static Index max_block_rows(const EncoderProduct& product);

  // For at most `rows` rows of the product at a time.
  EncoderPartition(const EncoderProduct& product, Index rows, Arena& arena);

  // Maximum thread count of `multiply`, for `parallel_for`: `num_threads()` may change later.
  int threads() const { return threads_; }
  // Count of parts of the latents, each with all rows; 1 if rows are split.
  Index parts() const { return parts_; }
  // Rows per block; with several parts, all rows.
  Index block_rows() const { return block_rows_; }
  // Count of blocks that `rows` rows have.
  Index count(Index rows) const { return ceil_divide(rows, block_rows_); }

  // As `top_k_product`, on thread index `thread` of `parallel_for`.
  void multiply(int thread, const Rows& x, Index row_begin, Index row_end, Index panel_begin,
                Index panel_end, Index k, const Candidates& candidates) const;

 private:
  const EncoderProduct& product_;
  int threads_;
  Index parts_, block_rows_;
  ScreenKind screen_ = ScreenKind::kNone;
  Index scratch_floats_ = 0;
  float* scratch_ = nullptr;  // [threads, scratch_floats_], for screens
  Index widened_panels_ = 0;  // panels of an encoder in fewer bytes that are widened at a time
};

}  // namespace gatewise
