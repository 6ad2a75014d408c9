#include "codes/candidate_blocks.h"

namespace gatewise {
namespace {

// Blocks of rows that are computed before their candidates are looked at, for each thread.
constexpr Index kBlocksPerThread = 2;
// What their lists may take in all, as long as every thread has some rows.
constexpr Index kListBytes = Index{64} << 20;
constexpr Index kLeastRows = 16;

// Room of a row's list in each of `parts` parts of the latents. A list that may be cut must not be
// longer than one of all.
Index room_of_part(const CodeProduct& product, Index parts, Index most) {
  const Index whole = whole_room(ceil_divide(product.panels(), parts) * kPanelWidth);
  return most < whole / 4 ? std::min(whole, candidate_room(most)) : whole;
}

Index rows_for_lists(const CodeProduct& product, Index most_candidates) {
  if (CodeBlocks::is_few(product.rows)) return product.rows;
  const Index threads = num_threads();
  const Index row_bytes =
      room_of_part(product, 1, most_candidates) * static_cast<Index>(sizeof(Candidate));
  const Index most = kBlocksPerThread * threads * CodeBlocks::most_rows(product);
  const Index limit = std::clamp(kListBytes / row_bytes, kLeastRows * threads, most);
  return ceil_divide(product.rows, ceil_divide(product.rows, limit));
}

}  // namespace

CandidateBlocks::CandidateBlocks(const CodeProduct& product, Arena& arena, Index most)
    : product_(product),
      most_(most),
      rows_at_once_(rows_for_lists(product, most)),
      blocks_(product_, rows_at_once_, arena) {
  all_ = take_candidates(blocks_.parts() * rows_at_once_,
                         room_of_part(product, blocks_.parts(), most), arena);
}

bool CandidateBlocks::next() {
  first_row_ += rows_;
  rows_ = std::min(rows_at_once_, product_.rows - first_row_);
  if (rows_ <= 0) return false;
  const Index panels = product_.panels(), parts = blocks_.parts();
  const Index block_rows = blocks_.block_rows(), blocks = blocks_.count(rows_);
  begin_candidates(parts * rows_, product_.least, all_);
  parallel_for(
      parts * blocks, product_.operations(block_rows, ceil_divide(panels, parts)),
      [&](Index begin, Index end, int thread) {
        for (Index item = begin; item < end; ++item) {
          const Index part = item / blocks, row = item % blocks * block_rows;
          blocks_.multiply(
              thread, product_.x.from(first_row_), row, std::min(row + block_rows, rows_),
              product_.panel_begin + panels * part / parts,
              product_.panel_begin + panels * (part + 1) / parts, most_, all_.from(part * rows_));
        }
      },
      blocks_.threads());
  return true;
}

// A list that was cut has a bound of its own.
float CandidateBlocks::left_out(Index i) const {
  float most = -std::numeric_limits<float>::infinity();
  for (Index part = 0; part < blocks_.parts(); ++part) {
    const float bound = all_.bounds[part * rows_ + i];
    if (bound > product_.least) most = std::max(most, bound);
  }
  return most;
}

Index CandidateBlocks::count(Index i) const {
  Index sum = 0;
  for (Index part = 0; part < blocks_.parts(); ++part) sum += all_.counts[part * rows_ + i];
  return sum;
}

CodesOfBlocks::CodesOfBlocks(Index rows, Arena& arena)
    : rows_(rows), offsets_(arena.take<Index>(rows + 1)) {}

void CodesOfBlocks::add(Index rows, const Index* starts, const std::int32_t* latents,
                        const float* values, Arena& arena) {
  const Index* counts = offsets_ + added_ + 1;
  added_ += rows;
  Piece* piece = arena.make<Piece>();
  (last_ ? last_->next : first_) = piece;
  last_ = piece;
  for (Index i = 0; i < rows; ++i) piece->entries += counts[i];
  piece->latents = arena.take<std::int32_t>(piece->entries);
  piece->values = arena.take<float>(piece->entries);
  Index at = 0;
  for (Index i = 0; i < rows; ++i) {
    std::copy_n(latents + starts[i], counts[i], piece->latents + at);
    std::copy_n(values + starts[i], counts[i], piece->values + at);
    at += counts[i];
  }
}

Codes CodesOfBlocks::join(Arena& arena) {
  Codes codes;
  codes.rows = rows_;
  codes.offsets = offsets_;
  offsets_[0] = 0;
  for (Index i = 0; i < rows_; ++i) offsets_[i + 1] += offsets_[i];
  if (first_ && first_ == last_) {
    codes.latents = first_->latents;
    codes.values = first_->values;
    return codes;
  }
  codes.latents = arena.take<std::int32_t>(codes.entries());
  codes.values = arena.take<float>(codes.entries());
  Index at = 0;
  for (const Piece* piece = first_; piece; piece = piece->next) {
    std::copy_n(piece->latents, piece->entries, codes.latents + at);
    std::copy_n(piece->values, piece->entries, codes.values + at);
    at += piece->entries;
  }
  return codes;
}

Codes all_codes(const CodeProduct& product, Arena& arena) {
  return collect_codes(product, arena,
                       [](Index, const std::int32_t*, const float*, Index count) { return count; });
}

}  // namespace gatewise
