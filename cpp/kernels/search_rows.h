// Top-k search among sparse rows for a panel of queries. Hits are chosen while scores are computed;
// the scores of all rows are never stored.
#pragma once

#include <bit>

#include "core/panels.h"

namespace gatewise {

// A score and its row packed into an integer that is larger for a better hit: the larger score, or
// the lower row if scores are equal. NaN is worse than every number, and an unset hit is worse than
// NaN.
class Hit {
 public:
  Hit() = default;
  Hit(float score, Index row)
      : key_(std::uint64_t{order_of(score)} << 32 | ~static_cast<std::uint32_t>(row)) {}

  float score() const {
    const auto order = static_cast<std::uint32_t>(key_ >> 32);
    return std::bit_cast<float>(order & kSign ? order ^ kSign : ~order);
  }
  std::int32_t row() const { return static_cast<std::int32_t>(~static_cast<std::uint32_t>(key_)); }
  bool is_better(const Hit& other) const { return key_ > other.key_; }

 private:
  static constexpr std::uint32_t kSign = 0x80000000u;

  // Integers in the order of the scores. Bits of positive floats are in this order, bits of
  // negative floats in the reverse order. Adding 0 turns -0 into 0.
  static std::uint32_t order_of(float score) {
    if (score != score) return 0;
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);
    return bits & kSign ? ~bits : bits | kSign;
  }

  std::uint64_t key_ = 0;
};

// hits  [queries, capacity]: the list of each query, which contains the k best of all rows so far.
// counts, worst, bounds  [queries]: length of the list, the hit that a new one must beat, its
// score.
struct HitLists {
  Hit* hits = nullptr;
  std::int32_t* counts = nullptr;
  Hit* worst = nullptr;
  float* bounds = nullptr;
  Index capacity = 0;

  // The lists from panel `panel` on.
  HitLists from(Index panel) const {
    const Index query = panel * kPanelWidth;
    return {hits + query * capacity, counts + query, worst + query, bounds + query, capacity};
  }
};

// Capacity of a list of the k best of `rows` rows. The surplus makes truncation to k rare.
inline Index hit_capacity(Index k, Index rows) { return std::min(2 * k + 4 * kPanelWidth, rows); }

// Empties the lists of `panels` panels.
void begin_hits(Index panels, const HitLists& lists);

// Up to 16 queries. weights[j * stride + l] is query l's weight of latent j; whole registers may be
// read. `constants` [kPanelWidth] is added to the scores.
struct QueryPanel {
  const float* weights = nullptr;
  Index stride = 0;
  const float* constants = nullptr;
  Index count = 0;
};

// Adds rows [begin, end) to the lists, which keep the k best. The score of row i is
//   sum_e values[e] weights[columns[e]] + constant,
// accumulated over its nonzeros in order. Calls may pass rows in any order.
void search_rows(const SparseRows& codes, Index begin, Index end, const QueryPanel& queries,
                 Index k, const HitLists& lists);

// Moves the k best of `count` hits to the front, best first; k <= count.
void choose_hits(Hit* hits, Index count, Index k);

}  // namespace gatewise
