#include "kernels/search_rows.h"

#include <algorithm>
#include <limits>

#include "kernels/vector.h"

namespace gatewise {
namespace {

bool is_better(const Hit& a, const Hit& b) { return a.is_better(b); }

void take(float score, Index row, Index query, Index k, const HitLists& lists) {
  const Hit hit(score, row);
  if (!hit.is_better(lists.worst[query])) return;
  Hit* list = lists.hits + query * lists.capacity;
  std::int32_t& count = lists.counts[query];
  list[count++] = hit;
  if (count < lists.capacity || count <= k) return;
  std::nth_element(list, list + k - 1, list + count, is_better);
  count = static_cast<std::int32_t>(k);
  lists.worst[query] = list[k - 1];
  lists.bounds[query] = list[k - 1].score();
}

// Scores of kRows rows for a single query. Their sums accumulate side by side, each in the first
// lane of a register.
template <int kRows>
GATEWISE_INLINE void score_rows(const SparseRows& codes, Index row, const QueryPanel& query,
                                float* scores) {
  Native::Type sums[kRows];
  const auto add = [&](int r, Index at) GATEWISE_INLINE_LAMBDA {
    const float weight = query.weights[codes.columns[at] * query.stride];
    sums[r] = Native::fma(Native::set(codes.values[at]), Native::set(weight), sums[r]);
  };
  Index begin[kRows], shared = codes.end(row) - codes.begin(row);
  for (int r = 0; r < kRows; ++r) {
    sums[r] = Native::set(0.0f);
    begin[r] = codes.begin(row + r);
    shared = std::min(shared, codes.end(row + r) - begin[r]);
  }
  for (Index e = 0; e < shared; ++e) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) add(r, begin[r] + e);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    for (Index at = begin[r] + shared; at < codes.end(row + r); ++at) add(r, at);
    float lanes[Native::kWidth];
    Native::store(lanes, sums[r]);
    scores[r] = lanes[0] + query.constants[0];
  }
}

void search_one(const SparseRows& codes, Index begin, Index end, const QueryPanel& query, Index k,
                const HitLists& lists) {
  constexpr int kRows = 4;
  for (Index row = begin; row < end;) {
    float scores[kRows];
    const int rows = end - row >= kRows ? kRows : 1;
    if (rows == kRows)
      score_rows<kRows>(codes, row, query, scores);
    else
      score_rows<1>(codes, row, query, scores);
    for (int r = 0; r < rows; ++r, ++row)
      if (!(lists.bounds[0] > scores[r])) take(scores[r], row, 0, k, lists);
  }
}

}  // namespace

void begin_hits(Index panels, const HitLists& lists) {
  const Index queries = panels * kPanelWidth;
  std::fill_n(lists.counts, queries, 0);
  std::fill_n(lists.worst, queries, Hit());
  std::fill_n(lists.bounds, queries, -std::numeric_limits<float>::infinity());
}

void search_rows(const SparseRows& codes, Index begin, Index end, const QueryPanel& queries,
                 Index k, const HitLists& lists) {
  if (queries.count == 1) return search_one(codes, begin, end, queries, k, lists);
  const Vector constants = Vector::load(queries.constants);
  const unsigned used = (1u << queries.count) - 1;
  Vector bounds = Vector::load(lists.bounds);
  for (Index row = begin; row < end; ++row) {
    Vector sums = Vector::zero();
    for (Index at = codes.begin(row), stop = codes.end(row); at < stop; ++at)
      sums = fma(Vector::set(codes.values[at]),
                 Vector::load(queries.weights + codes.columns[at] * queries.stride), sums);
    sums = sums + constants;
    // Equal scores pass too, because the row index breaks ties. So does NaN, which may have to fill
    // a list.
    unsigned reaching = ~lanes_greater(bounds, sums) & used;
    if (reaching == 0) continue;
    alignas(64) float scores[kPanelWidth];
    sums.store(scores);
    for (; reaching != 0; reaching &= reaching - 1) {
      const int query = std::countr_zero(reaching);
      take(scores[query], row, query, k, lists);
    }
    bounds = Vector::load(lists.bounds);
  }
}

void choose_hits(Hit* hits, Index count, Index k) {
  if (k < count) std::nth_element(hits, hits + k - 1, hits + count, is_better);
  std::sort(hits, hits + k, is_better);
}

}  // namespace gatewise
