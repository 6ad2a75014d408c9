#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

// Blocks of rows per thread that are computed before their candidates are read.
constexpr Index kBlocksPerThread = 2;
// Maximum bytes of all lists, unless a thread would have fewer than kMinRows rows.
constexpr Index kListBytes = Index{64} << 20;
constexpr Index kMinRows = 16;

// Capacity of a row's list in each of `parts` parts of the latents; at most that of a list of all
// candidates.
Index list_capacity(const EncoderProduct& product, Index parts, Index max_per_row) {
  const Index max_capacity = full_capacity(ceil_divide(product.panels(), parts) * kPanelWidth);
  return max_per_row < max_capacity / 4 ? std::min(max_capacity, candidate_capacity(max_per_row))
                                        : max_capacity;
}

Index rows_for_lists(const EncoderProduct& product, Index max_per_row) {
  if (EncoderPartition::splits_latents(product.rows)) return product.rows;
  const Index threads = num_threads();
  const Index row_bytes =
      list_capacity(product, 1, max_per_row) * static_cast<Index>(sizeof(Candidate));
  const Index max_rows = kBlocksPerThread * threads * EncoderPartition::max_block_rows(product);
  const Index limit = std::clamp(kListBytes / row_bytes, kMinRows * threads, max_rows);
  return ceil_divide(product.rows, ceil_divide(product.rows, limit));
}

}  // namespace

CandidateBlockIterator::CandidateBlockIterator(const EncoderProduct& product, Arena& arena,
                                               Index max_per_row)
    : product_(product),
      max_per_row_(max_per_row),
      max_rows_(rows_for_lists(product, max_per_row)),
      partition_(product_, max_rows_, arena) {
  all_ = take_candidates(partition_.parts() * max_rows_,
                         list_capacity(product, partition_.parts(), max_per_row), arena);
}

bool CandidateBlockIterator::next() {
  first_row_ += rows_;
  rows_ = std::min(max_rows_, product_.rows - first_row_);
  if (rows_ <= 0) return false;
  const Index panels = product_.panels(), parts = partition_.parts();
  const Index block_rows = partition_.block_rows(), blocks = partition_.count(rows_);
  begin_candidates(parts * rows_, product_.threshold, all_);
  parallel_for(
      parts * blocks, product_.operations(block_rows, ceil_divide(panels, parts)),
      [&](Index begin, Index end, int thread) {
        for (Index item = begin; item < end; ++item) {
          const Index part = item / blocks, row = item % blocks * block_rows;
          partition_.multiply(thread, product_.x.from(first_row_), row,
                              std::min(row + block_rows, rows_),
                              product_.panel_begin + panels * part / parts,
                              product_.panel_begin + panels * (part + 1) / parts, max_per_row_,
                              all_.from(part * rows_));
        }
      },
      partition_.threads());
  return true;
}

// Truncating a list raises its bound above the product's threshold.
float CandidateBlockIterator::dropped_bound(Index i) const {
  float max_bound = -std::numeric_limits<float>::infinity();
  for (Index part = 0; part < partition_.parts(); ++part) {
    const float bound = all_.bounds[part * rows_ + i];
    if (bound > product_.threshold) max_bound = std::max(max_bound, bound);
  }
  return max_bound;
}

Index CandidateBlockIterator::count(Index i) const {
  Index sum = 0;
  for (Index part = 0; part < partition_.parts(); ++part) sum += all_.counts[part * rows_ + i];
  return sum;
}

CodesBuilder::CodesBuilder(Index rows, Arena& arena)
    : rows_(rows), offsets_(arena.take<Index>(rows + 1)) {}

void CodesBuilder::add(Index rows, const Index* starts, const std::int32_t* latents,
                       const float* values, Arena& arena) {
  const Index* counts = offsets_ + added_ + 1;
  added_ += rows;
  Chunk* chunk = arena.make<Chunk>();
  (last_ ? last_->next : first_) = chunk;
  last_ = chunk;
  for (Index i = 0; i < rows; ++i) chunk->nonzeros += counts[i];
  chunk->latents = arena.take<std::int32_t>(chunk->nonzeros);
  chunk->values = arena.take<float>(chunk->nonzeros);
  Index at = 0;
  for (Index i = 0; i < rows; ++i) {
    std::copy_n(latents + starts[i], counts[i], chunk->latents + at);
    std::copy_n(values + starts[i], counts[i], chunk->values + at);
    at += counts[i];
  }
}

Codes CodesBuilder::build(Arena& arena) {
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
  codes.latents = arena.take<std::int32_t>(codes.nonzeros());
  codes.values = arena.take<float>(codes.nonzeros());
  Index at = 0;
  for (const Chunk* chunk = first_; chunk; chunk = chunk->next) {
    std::copy_n(chunk->latents, chunk->nonzeros, codes.latents + at);
    std::copy_n(chunk->values, chunk->nonzeros, codes.values + at);
    at += chunk->nonzeros;
  }
  return codes;
}

Codes codes_above_threshold(const EncoderProduct& product, Arena& arena) {
  return filter_codes(product, arena,
                      [](Index, const std::int32_t*, const float*, Index count) { return count; });
}

}  // namespace gatewise
