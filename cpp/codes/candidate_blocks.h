// All pre-activations of a product that exceed its bounds, block of rows by block of rows, so that
// memory follows the block and not the rows.
#pragma once

#include <algorithm>

#include "codes/codes.h"
#include "core/parallel.h"

namespace gatewise {

// for (CandidateBlocks blocks(product, arena); blocks.next();) ... the rows of this block.
class CandidateBlocks {
 public:
  CandidateBlocks(const CodeProduct& product, Arena& arena);

  // Computes the next rows; false when there are none.
  bool next();

  // From the next rows on, nothing at or under `least` is looked at.
  void raise_least(float least) { product_.least = least; }

  // The rows of the block are first_row() + i for i of [0, rows()).
  Index first_row() const { return first_row_; }
  Index rows() const { return rows_; }
  Index count(Index i) const;
  // Calls use(latent, value) for each candidate of row i, in ascending order of latents.
  template <typename Use>
  void each(Index i, const Use& use) const {
    for (Index part = 0; part < parts_; ++part) {
      const Candidates list = all_.from(part * rows_ + i);
      for (std::int32_t at = 0; at < *list.counts; ++at)
        use(list.lists[at].column(), list.lists[at].value());
    }
  }

 private:
  CodeProduct product_;
  Index rows_at_once_, parts_, first_row_ = 0, rows_ = 0;
  Candidates all_;  // [parts, rows of the block]
};

// Every candidate of every row. choose(i, latents, values, count) may change and drop a row's
// entries, of which there are `count`, where they lie, and returns how many are left.
template <typename Choose>
Codes collect_codes(const CodeProduct& product, Arena& arena, const Choose& choose) {
  struct Piece {
    Index rows;
    Index* starts;  // [rows + 1] where a row's candidates begin
    Index* counts;  // [rows] how many were left
    std::int32_t* latents;
    float* values;
    Piece* next;
  };
  Piece* first = nullptr;
  Piece** end = &first;
  for (CandidateBlocks blocks(product, arena); blocks.next();) {
    Piece* piece = *end = arena.make<Piece>();
    end = &piece->next;
    piece->rows = blocks.rows();
    piece->starts = arena.take<Index>(piece->rows + 1);
    piece->counts = arena.take<Index>(piece->rows);
    piece->starts[0] = 0;
    for (Index i = 0; i < piece->rows; ++i)
      piece->starts[i + 1] = piece->starts[i] + blocks.count(i);
    const Index entries = piece->starts[piece->rows];
    piece->latents = arena.take<std::int32_t>(entries);
    piece->values = arena.take<float>(entries);
    const double work = 8.0 * static_cast<double>(entries / std::max<Index>(piece->rows, 1) + 1);
    parallel_for(piece->rows, work, [&](Index begin, Index stop) {
      for (Index i = begin; i < stop; ++i) {
        Index at = piece->starts[i];
        blocks.each(i, [&](std::int32_t latent, float value) {
          piece->latents[at] = latent;
          piece->values[at++] = value;
        });
        piece->counts[i] = choose(blocks.first_row() + i, piece->latents + piece->starts[i],
                                  piece->values + piece->starts[i], at - piece->starts[i]);
      }
    });
  }
  Codes codes;
  codes.rows = product.rows;
  codes.offsets = arena.take<Index>(product.rows + 1);
  codes.offsets[0] = 0;
  Index row = 0;
  for (const Piece* piece = first; piece; piece = piece->next)
    for (Index i = 0; i < piece->rows; ++i, ++row)
      codes.offsets[row + 1] = codes.offsets[row] + piece->counts[i];
  codes.latents = arena.take<std::int32_t>(codes.entries());
  codes.values = arena.take<float>(codes.entries());
  row = 0;
  for (const Piece* piece = first; piece; piece = piece->next)
    for (Index i = 0; i < piece->rows; ++i, ++row) {
      std::copy_n(piece->latents + piece->starts[i], piece->counts[i],
                  codes.latents + codes.offsets[row]);
      std::copy_n(piece->values + piece->starts[i], piece->counts[i],
                  codes.values + codes.offsets[row]);
    }
  return codes;
}

// Every candidate of every row, as it is.
Codes all_codes(const CodeProduct& product, Arena& arena);

}  // namespace gatewise
