#include "codes/batch_top_k_codes.h"

#include "codes/candidate_blocks.h"

namespace gatewise {
namespace {

// A row that has more than so many times its share of a batch's entries is rare: memory is for that
// many, and where a row has more, the product is made again with memory for all.
constexpr Index kShares = 8;

struct Entry {
  float value;
  std::int32_t row;
  std::int32_t latent;

  bool is_better(const Entry& other) const {
    if (value != other.value) return value > other.value;
    return row != other.row ? row < other.row : latent < other.latent;
  }
};

// The best of what has been added. Entries are added in ascending order of rows, then of latents:
// one that only equals the bound is no better than those that are here.
class Pool {
 public:
  Pool(Index count, float least, Arena& arena)
      : count_(count), least_(least), entries_(arena.take<Entry>(2 * count)) {}

  void add(const Entry& entry) {
    if (!(entry.value > least_)) return;
    entries_[size_++] = entry;
    if (size_ == 2 * count_) cut();
  }
  void cut() {
    if (size_ < count_) return;
    std::nth_element(entries_, entries_ + count_ - 1, entries_ + size_,
                     [](const Entry& a, const Entry& b) { return a.is_better(b); });
    size_ = count_;
    least_ = entries_[count_ - 1].value;
  }

  // Nothing at or under it is taken any more.
  float least() const { return least_; }
  bool is_full() const { return size_ >= count_; }
  const Entry* begin() const { return entries_; }
  const Entry* end() const { return entries_ + size_; }

 private:
  Index count_;
  float least_;
  Entry* entries_;
  Index size_ = 0;
};

// Whether the pool holds all that it should: candidates of a row beyond the `most` largest were not
// looked at.
bool fill(const CodeProduct& product, Index most, Pool& pool, Arena& arena) {
  CandidateBlocks blocks(product, arena, most);
  for (; blocks.next(); blocks.raise_least(pool.least()))
    for (Index i = 0; i < blocks.rows(); ++i)
      blocks.each(i, [&](std::int32_t latent, float value) {
        pool.add({value, static_cast<std::int32_t>(blocks.first_row() + i), latent});
      });
  pool.cut();
  return blocks.most_left_out() < pool.least();
}

// Sorted by row, then latent.
Codes to_codes(const Pool& pool, Index rows, Arena& arena) {
  const Index entries = pool.end() - pool.begin();
  Codes codes;
  codes.rows = rows;
  codes.offsets = arena.take_zeroed<Index>(rows + 1);
  codes.latents = arena.take<std::int32_t>(entries);
  codes.values = arena.take<float>(entries);
  for (const Entry& entry : pool) ++codes.offsets[entry.row + 1];
  for (Index i = 0; i < rows; ++i) codes.offsets[i + 1] += codes.offsets[i];
  Index* at = arena.take<Index>(rows);
  std::copy_n(codes.offsets, rows, at);
  Entry* by_row = arena.take<Entry>(entries);
  for (const Entry& entry : pool) by_row[at[entry.row]++] = entry;
  const double work = 64.0 * static_cast<double>(entries / std::max<Index>(rows, 1) + 1);
  parallel_for(rows, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      std::sort(by_row + codes.offsets[i], by_row + codes.offsets[i + 1],
                [](const Entry& a, const Entry& b) { return a.latent < b.latent; });
      for (Index e = codes.offsets[i]; e < codes.offsets[i + 1]; ++e) {
        codes.latents[e] = by_row[e].latent;
        codes.values[e] = by_row[e].value;
      }
    }
  });
  return codes;
}

}  // namespace

Codes batch_top_k_codes(const CodeProduct& product, Index count, float guess, float& smallest,
                        Arena& arena) {
  CodeProduct guessed = product;
  guessed.least = std::max(product.least, guess);
  const Index all = product.panels() * kPanelWidth;
  const Index most = kShares * ceil_divide(count, std::max<Index>(product.rows, 1));
  Pool pool(count, guessed.least, arena);
  bool is_whole = fill(guessed, most, pool, arena);
  if (!pool.is_full() && guessed.least > product.least) {
    pool = Pool(count, product.least, arena);
    is_whole = fill(product, most, pool, arena);
  }
  if (!is_whole) {
    pool = Pool(count, product.least, arena);
    fill(product, all, pool, arena);
  }
  smallest = pool.is_full() ? pool.least() : 0;
  return to_codes(pool, product.rows, arena);
}

}  // namespace gatewise
