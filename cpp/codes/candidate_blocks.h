// All pre-activations of a product that exceed its bounds, block of rows by block of rows, so that
// memory follows the block and not the rows.
#pragma once

#include <algorithm>
#include <limits>

#include "codes/code_blocks.h"
#include "core/parallel.h"

namespace gatewise {

// for (CandidateBlocks blocks(product, arena); blocks.next();) ... the rows of this block.
class CandidateBlocks {
 public:
  // Of each row no more than `most` need be found, the largest.
  CandidateBlocks(const CodeProduct& product, Arena& arena,
                  Index most = std::numeric_limits<Index>::max());
  CandidateBlocks(const CandidateBlocks&) = delete;
  CandidateBlocks& operator=(const CandidateBlocks&) = delete;

  // Computes the next rows; false when there are none.
  bool next();

  // From the next rows on, nothing at or under `least` is looked at.
  void raise_least(float least) { product_.least = least; }

  // The rows of the block are first_row() + i for i of [0, rows()).
  Index first_row() const { return first_row_; }
  Index rows() const { return rows_; }
  Index rows_at_once() const { return rows_at_once_; }
  Index count(Index i) const;
  // Candidates of row i that were left out do not exceed it; -infinity: there are none.
  float left_out(Index i) const;
  // The most candidates that a block can have.
  Index most_candidates() const { return rows_at_once_ * product_.panels() * kPanelWidth; }
  // Calls use(latent, value) for each candidate of row i, in ascending order of latents.
  template <typename Use>
  void each(Index i, const Use& use) const {
    for (Index part = 0; part < blocks_.parts(); ++part) {
      const Candidates list = all_.from(part * rows_ + i);
      for (std::int32_t at = 0; at < *list.counts; ++at)
        use(list.lists[at].column(), list.lists[at].value());
    }
  }

 private:
  CodeProduct product_;
  Index most_, rows_at_once_, first_row_ = 0, rows_ = 0;
  CodeBlocks blocks_;
  Candidates all_;  // [parts, rows of the block]
};

// Codes that are found block by block.
class CodesOfBlocks {
 public:
  CodesOfBlocks(Index rows, Arena& arena);

  // Where the numbers of entries of rows from `row` on are to be written.
  Index* counts_from(Index row) { return offsets_ + row + 1; }
  // The next `rows` rows' entries: as many as their counts say, from starts[i] on.
  void add(Index rows, const Index* starts, const std::int32_t* latents, const float* values,
           Arena& arena);
  Codes join(Arena& arena);

 private:
  struct Piece {
    Index entries;
    std::int32_t* latents;
    float* values;
    Piece* next;
  };
  Index rows_, added_ = 0;
  Index* offsets_;
  Piece* first_ = nullptr;
  Piece* last_ = nullptr;
};

// Every candidate of every row. choose(i, latents, values, count) may change and drop a row's
// entries, of which there are `count`, where they lie, and returns how many are left.
template <typename Choose>
Codes collect_codes(const CodeProduct& product, Arena& arena, const Choose& choose) {
  CodesOfBlocks codes(product.rows, arena);
  CandidateBlocks blocks(product, arena);
  // Before the choice, one block's.
  auto* latents = arena.take<std::int32_t>(blocks.most_candidates());
  float* values = arena.take<float>(blocks.most_candidates());
  Index* starts = arena.take<Index>(blocks.rows_at_once() + 1);
  while (blocks.next()) {
    starts[0] = 0;
    for (Index i = 0; i < blocks.rows(); ++i) starts[i + 1] = starts[i] + blocks.count(i);
    Index* counts = codes.counts_from(blocks.first_row());
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
    codes.add(blocks.rows(), starts, latents, values, arena);
  }
  return codes.join(arena);
}

// Every candidate of every row, as it is.
Codes all_codes(const CodeProduct& product, Arena& arena);

}  // namespace gatewise
