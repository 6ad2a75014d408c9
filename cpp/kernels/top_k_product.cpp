#include "kernels/top_k_product.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/tile_walk.h"

namespace gatewise {
namespace {

// A key that exactly k of more than k distinct ones reach, found by bisection: of some dozens of
// sums some ten counts find it, each a few registers, where a partial sort mispredicts branches.
std::uint64_t key_reached_by(const Candidate* list, Index count, Index k) {
  std::uint64_t reached = list[0].key(), missed = list[0].key();
  for (Index i = 1; i < count; ++i) {
    reached = std::min(reached, list[i].key());
    missed = std::max(missed, list[i].key());
  }
  ++missed;
  while (true) {
    const std::uint64_t middle = reached + (missed - reached) / 2;
    Index reaching = 0;
    for (Index i = 0; i < count; ++i) reaching += list[i].key() >= middle;
    if (reaching == k) return middle;
    (reaching > k ? reached : missed) = middle;
  }
}

// Cuts the list to its k best and raises the bound to the least of them.
void cut_back(Candidate* list, std::int32_t& count, float& bound, Index k) {
  if (count <= k) return;
  count = static_cast<std::int32_t>(choose_candidates(list, count, k));
  bound = list[0].value();
  for (Index i = 1; i < k; ++i) bound = std::min(bound, list[i].value());
}

// One panel of a tile: the sums of its rows, and the rows' lists.
struct TilePanel {
  const float (*sums)[kPanelWidth];
  Index row;
  Index panel;
  const float* bias;  // of the panel's columns, or null
};

// Adds the lanes better[r] of every row r in the set `hits` to the row's list. Apart from the
// tiles' loop, whose registers it would take.
[[gnu::noinline]] void add_lanes(const TilePanel& tile, unsigned hits, const unsigned* better,
                                 Index k, const Candidates& candidates) {
  for (; hits != 0; hits &= hits - 1) {
    const int r = std::countr_zero(hits);
    const Index i = tile.row + r;
    Candidate* list = candidates.lists + i * candidates.room;
    std::int32_t count = candidates.counts[i];
    for (unsigned lanes = better[r]; lanes != 0; lanes &= lanes - 1) {
      const int lane = std::countr_zero(lanes);
      const float value = tile.sums[r][lane] + (tile.bias ? tile.bias[lane] : 0.0f);
      list[count++] = {value, static_cast<std::int32_t>(tile.panel * kPanelWidth + lane)};
    }
    if (count > candidates.room - kPanelWidth) cut_back(list, count, candidates.bounds[i], k);
    candidates.counts[i] = count;
  }
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Vector load_terms(const float* terms, Index panel, Index width, float otherwise) {
  return terms ? Vector::load_up_to(terms + panel * kPanelWidth, width) : Vector::set(otherwise);
}

}  // namespace

void begin_candidates(Index rows, float least, const Candidates& candidates) {
  std::fill_n(candidates.counts, rows, 0);
  std::fill_n(candidates.bounds, rows, least);
}

void top_k_product(const Rows& x, Index row_begin, Index row_end, const Panels& w,
                   const ColumnTerms& terms, Index panel_begin, Index panel_end, Index k,
                   const Candidates& candidates) {
  walk_tiles(x, row_begin, row_end, w, panel_begin, panel_end,
             [&](const float (*sums)[kPanelWidth], Index row, int rows, Index panel) {
               const Index width = w.shape.width(panel);
               const unsigned lanes = (1u << width) - 1;
               const Vector bias = load_terms(terms.bias, panel, width, 0);
               const Vector floor = load_terms(terms.floors, panel, width, -kInfinity);
               const float* bounds = candidates.bounds + row;
               unsigned better[kTileRows], hits = 0;
               for (int r = 0; r < rows; ++r) {
                 const Vector least = max(Vector::set(bounds[r]), floor);
                 better[r] = lanes_greater(Vector::load(sums[r]) + bias, least) & lanes;
                 hits |= static_cast<unsigned>(better[r] != 0) << r;
               }
               if (hits == 0) return;
               const float* own_bias = terms.bias ? terms.bias + panel * kPanelWidth : nullptr;
               add_lanes({sums, row, panel, own_bias}, hits, better, k, candidates);
             });
}

Index choose_candidates(Candidate* list, Index count, Index k) {
  if (count <= k) return count;
  const std::uint64_t least = key_reached_by(list, count, k);
  Index kept = 0;
  for (Index i = 0; i < count; ++i) {
    const Candidate candidate = list[i];
    list[kept] = candidate;
    kept += candidate.key() >= least;
  }
  return kept;
}

}  // namespace gatewise
