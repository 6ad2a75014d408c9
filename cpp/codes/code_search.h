// The rows of sparse codes that score best, for several queries at a time.
#pragma once

#include "core/arena.h"
#include "kernels/search_rows.h"

namespace gatewise {

// Weights of queries by latent, in panels of 16 queries; a last panel of fewer has rows of as many,
// rounded up to 4 floats. `constants` are whole panels.
class SearchQueries {
 public:
  // All weights and constants 0.
  SearchQueries(Index count, Index latents, Arena& arena);

  Index count() const { return shape_.cols; }
  Index panels() const { return shape_.panels(); }
  QueryPanel panel(Index p) const {
    return {weights_ + shape_.offset(p), shape_.stride(p), constants_ + p * kPanelWidth,
            shape_.width(p)};
  }

  // The query's own code as weights: nonzeros of rows [0, count) of `codes`.
  void set_codes(const SparseRows& codes);
  // Inner products with the reconstructions (z W_d + b) scale + c: weights scale W_d q, constants
  // scale b . q + c . q, for rows q [0, count) of `queries`. W_d [latents, stride], b, c [width].
  struct Reconstruction {
    const float* decoder = nullptr;
    Index stride = 0, width = 0;
    const float* bias = nullptr;
    const float* center = nullptr;
    float scale = 1;
  };
  void set_rows(const Rows& queries, const Reconstruction& reconstruction, Arena& arena);

 private:
  PanelShape shape_;  // rows: latents; cols: queries
  float* weights_;
  float* constants_;

  void set_block(const Rows& queries, const Reconstruction& from, Index p, Index begin, Index end);
  float& weight(Index latent, Index query) const {
    const Index p = query / kPanelWidth;
    return weights_[shape_.offset(p) + latent * shape_.stride(p) + query % kPanelWidth];
  }
};

// Queries to search for at a time: so many that their weights and lists stay small.
Index queries_per_batch(Index latents, Index k, Index rows);

// Writes the k best of rows [0, rows) for each query, best first, ties by the lower row; indices
// and scores [queries, k]. Threads share out blocks of rows by panels of queries, never a sum.
void search_codes(const SparseRows& codes, Index rows, const SearchQueries& queries, Index k,
                  std::int32_t* indices, float* scores, Arena& arena);

// The same for `count` queries, a part of them at a time: codes, or rows whose inner products with
// the reconstructions are asked for. Throws where a score is beyond float32.
void search(const SparseRows& codes, Index rows, const Input& queries, Index count, Index latents,
            const SearchQueries::Reconstruction& reconstruction, Index k, std::int32_t* indices,
            float* scores);

}  // namespace gatewise
