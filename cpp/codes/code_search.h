// Finds the rows of sparse codes with the largest scores, for several queries at a time.
#pragma once

#include "core/arena.h"
#include "core/quantized_panels.h"
#include "kernels/search_rows.h"

namespace gatewise {

// The weight of each latent in each query, [latents, queries] in panels of 16 queries. If the last
// panel has fewer queries, its rows have that many floats, rounded up to 4; the constants are
// padded to whole panels.
class SearchQueries {
 public:
  // Sets all weights and constants to 0.
  SearchQueries(Index count, Index latents, Arena& arena);

  Index count() const { return shape_.cols; }
  Index panels() const { return shape_.panels(); }
  QueryPanel panel(Index p) const {
    return {weights_ + shape_.offset(p), shape_.stride(p), constants_ + p * kPanelWidth,
            shape_.width(p)};
  }

  // Weights are the values of the query's code: rows [0, count) of `codes`.
  void set_codes(const SparseRows& codes);
  // Scores are inner products with the reconstructions (z W_d + b) scale + c: for rows q [0, count)
  // of `queries`, weights are scale W_d q and constants scale b . q + c . q. W_d [latents, width];
  // b, c [width].
  struct Reconstruction {
    StoredRows decoder;
    const float* bias = nullptr;
    const float* center = nullptr;
    float scale = 1;
  };
  void set_rows(const Rows& queries, const Reconstruction& reconstruction, Arena& arena);

 private:
  PanelShape shape_;  // rows: latents; cols: queries
  float* weights_;
  float* constants_;

  void set_block(const Rows& queries, const Reconstruction& from, Index p, Index begin, Index end,
                 float* widened);
  float& weight(Index latent, Index query) const {
    const Index p = query / kPanelWidth;
    return weights_[shape_.offset(p) + latent * shape_.stride(p) + query % kPanelWidth];
  }
};

// Queries per batch, a multiple of 16; limits the memory of weights and lists.
Index queries_per_batch(Index latents, Index k, Index rows);

// Writes the k best of rows [0, rows) for each query, best first; ties go to the lower row. indices
// and scores [queries, k]. Threads share blocks of rows by panels of queries, never a sum.
void search_codes(const SparseRows& codes, Index rows, const SearchQueries& queries, Index k,
                  std::int32_t* indices, float* scores, Arena& arena);

// The same for `count` queries, batch by batch: codes, or dense rows, scored by their inner
// products with the reconstructions. Throws if a score is beyond the range of float32.
void search(const SparseRows& codes, Index rows, const Input& queries, Index count, Index latents,
            const SearchQueries::Reconstruction& reconstruction, Index k, std::int32_t* indices,
            float* scores);

}  // namespace gatewise
