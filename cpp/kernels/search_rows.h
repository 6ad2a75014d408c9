// The k best of many sparse rows for each of a panel of queries, chosen as their scores are made:
// the scores of all rows are never stored.
#pragma once

#include <bit>

#include "core/panels.h"

namespace gatewise {

// A score and its row as one number, which is larger for a better hit: a larger score, of equal
// ones the lower row. NaN is worse than every number, and a hit that was not set worse than NaN.
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

  // Numbers in the order of scores: bits of positive floats are so, those of negative ones the
  // other way round. 0 is added so that -0 is 0.
  static std::uint32_t order_of(float score) {
    if (score != score) return 0;
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);
    return bits & kSign ? ~bits : bits | kSign;
  }

  std::uint64_t key_ = 0;
};

// Of each query of a panel a list of hits, [kPanelWidth, capacity], the worst that may still be
// taken, and its score. The k best of all rows seen are in the list.
struct HitLists {
  Hit* hits = nullptr;
  std::int32_t* counts = nullptr;
  Hit* worst = nullptr;
  float* bounds = nullptr;
  Index capacity = 0;

  // Those of a panel further on.
  HitLists from(Index panel) const {
    const Index query = panel * kPanelWidth;
    return {hits + query * capacity, counts + query, worst + query, bounds + query, capacity};
  }
};

// Room for the k best of `rows`: with some for as many more, a cut back to k is rare.
inline Index hit_capacity(Index k, Index rows) { return std::min(2 * k + 4 * kPanelWidth, rows); }

// Empties the lists of `panels` panels.
void begin_hits(Index panels, const HitLists& lists);

// Up to 16 queries. Query l's weight of latent j is weights[j * stride + l], a whole register of
// them may be read; `constants` [kPanelWidth] is added to each score.
struct QueryPanel {
  const float* weights = nullptr;
  Index stride = 0;
  const float* constants = nullptr;
  Index count = 0;
};

// Adds rows [begin, end) to the lists, which keep the k best. The score of row i is
//   sum_e values[e] weights[columns[e]] + constant,
// one chain over its entries as they lie. Rows may come in any order over calls.
void search_rows(const SparseRows& codes, Index begin, Index end, const QueryPanel& queries,
                 Index k, const HitLists& lists);

// Brings the k best of `count` hits to the front, best first; k is at most `count`.
void choose_hits(Hit* hits, Index count, Index k);

}  // namespace gatewise
