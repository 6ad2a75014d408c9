// All pre-activations of a product that exceed its bounds, block of rows by block of rows, so that
// memory follows the block and not the rows.
#pragma once

#include <algorithm>
#include <limits>

#include "codes/encoder_partition.h"
#include "core/parallel.h"

namespace gatewise {

// for (CandidateBlockIterator blocks(product, arena); blocks.next();) ... the rows of this block.
class CandidateBlockIterator {
 public:
  // Of each row no more than `max_per_row` need be found, the largest.
  CandidateBlockIterator(const EncoderProduct& product, Arena& arena,
                         Index max_per_row = std::numeric_limits<Index>::max());
  CandidateBlockIterator(const CandidateBlockIterator&) = delete;
  CandidateBlockIterator& operator=(const CandidateBlockIterator&) = delete;

  // Computes the next rows; false when there are none.
  bool next();

  // From the next rows on, nothing at or under `threshold` is looked at.
  void raise_threshold(float threshold) { product_.threshold = threshold; }

  // The rows of the block are first_row() + i for i of [0, rows()).
  Index first_row() const { return first_row_; }
  Index rows() const { return rows_; }
  Index max_rows() const { return max_rows_; }
  Index count(Index i) const;
  // Candidates of row i that were left out do not exceed it; -infinity: there are none.
  float dropped_bound(Index i) const;
  // The most candidates that a block can have.
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

// Codes that are found block by block.
class CodesBuilder {
 public:
  CodesBuilder(Index rows, Arena& arena);

  // Where the numbers of nonzeros of rows from `row` on are to be written.
  Index* counts_from(Index row) { return offsets_ + row + 1; }
  // The next `rows` rows' nonzeros: as many as their counts say, from starts[i] on.
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

// Every candidate of every row. choose(i, latents, values, count) may change and drop a row's
// nonzeros, of which there are `count`, where they lie, and returns how many are left.
template <typename Choose>
Codes filter_codes(const EncoderProduct& product, Arena& arena, const Choose& choose) {
  CodesBuilder builder(product.rows, arena);
  CandidateBlockIterator blocks(product, arena);
  // Before the choice, one block's.
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

// Every candidate of every row, as it is.
Codes codes_above_threshold(const EncoderProduct& product, Arena& arena);

}  // namespace gatewise
