// All pre-activations of a product that exceed its bounds, one block of rows after the other, so
// that memory grows with the block and not with the row count.
#pragma once

#include <algorithm>
#include <limits>

#include "codes/selection/encoder_partition.h"
#include "core/parallel.h"

namespace gatewise {

// for (CandidateBlockIterator blocks(product, arena); blocks.next();) ... the rows of this block.
class CandidateBlockIterator {
 public:
  // For each row, candidates beyond its `max_per_row` largest may be dropped.
  CandidateBlockIterator(const EncoderProduct& product, Arena& arena,
                         Index max_per_row = std::numeric_limits<Index>::max());
  CandidateBlockIterator(const CandidateBlockIterator&) = delete;
  CandidateBlockIterator& operator=(const CandidateBlockIterator&) = delete;

  // Computes the next block of rows; returns false if there is none.
  bool next();

  // From the next block on, values at or below `threshold` are dropped.
  void raise_threshold(float threshold) { product_.threshold = threshold; }

  // The rows of the block are first_row() + i for i in [0, rows()).
  Index first_row() const { return first_row_; }
  Index rows() const { return rows_; }
  Index max_rows() const { return max_rows_; }
  Index count(Index i) const;
  // Dropped candidates of row i do not exceed it; -infinity: none were dropped.
  float dropped_bound(Index i) const;
  // Maximum candidate count of a block.
  Index max_candidates() const { return max_rows_ * product_.panels() * kPanelWidth; }
  // Calls use(latent, value) for each candidate of row i, in ascending order of latents.
  template <typename Use>
  void each(Index i, const Use& use) const {
    for (Index part = 0; part < partition_.parts(); ++part) {
      const Candidates list = all_.from(part * rows_ + i);
      for (std::int32_t at = 0; at < *list.counts; ++at)
        use(list.lists[at].column(), list.lists[at].value());
    }
  }

 private:
  EncoderProduct product_;
  Index max_per_row_, max_rows_, first_row_ = 0, rows_ = 0;
  EncoderPartition partition_;
  Candidates all_;  // [parts, rows of the block]
};

// Builds codes block by block.
class CodesBuilder {
 public:
  CodesBuilder(Index rows, Arena& arena);

  // The caller writes the nonzero counts of rows `row`, `row` + 1, ... here.
  Index* counts_from(Index row) { return offsets_ + row + 1; }
  // Adds the nonzeros of the next `rows` rows: those of row i start at starts[i], and their count
  // was written through `counts_from`.
  void add(Index rows, const Index* starts, const std::int32_t* latents, const float* values,
           Arena& arena);
  Codes build(Arena& arena);

 private:
  struct Chunk {
    Index nonzeros;
    std::int32_t* latents;
    float* values;
    Chunk* next;
  };
  Index rows_, added_ = 0;
  Index* offsets_;
  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
};

// Codes from all candidates of every row. choose(i, latents, values, count) may change and drop the
// `count` nonzeros of row i in place; it returns the remaining count.
template <typename Choose>
Codes filter_codes(const EncoderProduct& product, Arena& arena, const Choose& choose) {
  CodesBuilder builder(product.rows, arena);
  CandidateBlockIterator blocks(product, arena);
  // The candidates of one block, before `choose`.
  auto* latents = arena.take<std::int32_t>(blocks.max_candidates());
  float* values = arena.take<float>(blocks.max_candidates());
  Index* starts = arena.take<Index>(blocks.max_rows() + 1);
  while (blocks.next()) {
    starts[0] = 0;
    for (Index i = 0; i < blocks.rows(); ++i) starts[i + 1] = starts[i] + blocks.count(i);
    Index* counts = builder.counts_from(blocks.first_row());
    const double work = 8.0 * static_cast<double>(starts[blocks.rows()] / blocks.rows() + 1);
    parallel_for(blocks.rows(), work, [&](Index begin, Index stop) {
      for (Index i = begin; i < stop; ++i) {
        Index at = starts[i];
        blocks.each(i, [&](std::int32_t latent, float value) {
          latents[at] = latent;
          values[at++] = value;
        });
        counts[i] =
            choose(blocks.first_row() + i, latents + starts[i], values + starts[i], at - starts[i]);
      }
    });
    builder.add(blocks.rows(), starts, latents, values, arena);
  }
  return builder.build(arena);
}

// Codes of all candidates of every row, unchanged.
Codes codes_above_threshold(const EncoderProduct& product, Arena& arena);

}  // namespace gatewise
