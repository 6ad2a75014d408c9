#include "codes/batch_top_k_codes.h"

#include <algorithm>
#include <cmath>

#include "codes/candidate_blocks.h"

namespace gatewise {
namespace {

// Few rows have more than so many times their share of a batch's entries: lists have room for that
// many, and a row that may have more is multiplied again with room for all.
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

// The best of what has been added.
class Pool {
 public:
  Pool(Index count, float least, Arena& arena)
      : count_(count), least_(least), entries_(arena.take<Entry>(2 * count)) {}

  // Entries come in ascending order of rows, then of latents: one that only equals the bound is no
  // better than those that are here.
  void add(const Entry& entry) {
    if (entry.value > least_) add_any(entry);
  }
  void add_any(const Entry& entry) {
    entries_[size_++] = entry;
    if (size_ == 2 * count_) cut();
  }
  template <typename Condition>
  void remove(const Condition& condition) {
    size_ = std::remove_if(entries_, entries_ + size_, condition) - entries_;
  }
  // Without entries, as if made anew.
  void restart(float least) {
    size_ = 0;
    least_ = least;
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

// Adds the candidates of all rows, of each the `most` largest. left_out [rows]: what was not looked
// at does not exceed it.
void fill(const CodeProduct& product, Index most, Pool& pool, float* left_out, Arena& arena) {
  const Arena::Mark mark = arena.mark();
  CandidateBlocks blocks(product, arena, most);
  for (; blocks.next(); blocks.raise_least(pool.least()))
    for (Index i = 0; i < blocks.rows(); ++i) {
      const Index row = blocks.first_row() + i;
      left_out[row] = blocks.left_out(i);
      blocks.each(i, [&](std::int32_t latent, float value) {
        pool.add({value, static_cast<std::int32_t>(row), latent});
      });
    }
  pool.cut();
  arena.rewind(mark);
}

// Rows of which something was left out that may be among the best are looked at again, whole.
void refill(const CodeProduct& product, const float* left_out, Pool& pool, Arena& arena) {
  const Arena::Mark mark = arena.mark();
  const float least = pool.least();
  Index* rows = arena.take<Index>(product.rows);
  Index* places = arena.take<Index>(product.rows);
  CodeProduct again = product;
  again.rows = 0;
  for (Index i = 0; i < product.rows; ++i) {
    if (left_out[i] < least) continue;
    rows[again.rows] = i;
    places[again.rows++] = product.x.index ? product.x.index[i] : i;
  }
  if (again.rows > 0) {
    again.x.index = places;
    // One that equals the least may be better than those that are here, by its row.
    if (pool.is_full()) again.least = std::nextafter(least, product.least);
    pool.remove([&](const Entry& entry) { return left_out[entry.row] >= least; });
    for (CandidateBlocks blocks(again, arena); blocks.next();)
      for (Index i = 0; i < blocks.rows(); ++i)
        blocks.each(i, [&](std::int32_t latent, float value) {
          pool.add_any({value, static_cast<std::int32_t>(rows[blocks.first_row() + i]), latent});
        });
    pool.cut();
  }
  arena.rewind(mark);
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
  const Index most = kShares * ceil_divide(count, std::max<Index>(product.rows, 1));
  float* left_out = arena.take<float>(product.rows);
  CodeProduct guessed = product;
  guessed.least = std::max(product.least, guess);
  Pool pool(count, guessed.least, arena);
  const auto select = [&](const CodeProduct& some) {
    fill(some, most, pool, left_out, arena);
    refill(some, left_out, pool, arena);
  };
  select(guessed);
  if (!pool.is_full() && guessed.least > product.least) {
    pool.restart(product.least);
    select(product);
  }
  smallest = pool.is_full() ? pool.least() : 0;
  return to_codes(pool, product.rows, arena);
}

}  // namespace gatewise
