#include "kernels/top_k_product.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/tile_walk.h"

namespace gatewise {
namespace {

bool is_better(const Candidate& a, const Candidate& b) { return a.is_better(b); }

// Cuts the list to its k best and raises the bound to the least of them.
void cut_back(Candidate* list, std::int32_t& count, float& bound, Index k) {
  if (count <= k) return;
  std::nth_element(list, list + k - 1, list + count, is_better);
  bound = list[k - 1].value();
  count = static_cast<std::int32_t>(k);
}

// Adds the lanes `better` of a row's values in a panel to its list.
GATEWISE_INLINE void add_lanes(const Vector& values, unsigned better, Index panel, Index k,
                               Candidate* list, Index room, std::int32_t& count, float& bound) {
  alignas(64) float lanes[kPanelWidth];
  values.store(lanes);
  for (; better != 0; better &= better - 1) {
    const int lane = std::countr_zero(better);
    list[count++] = {lanes[lane], static_cast<std::int32_t>(panel * kPanelWidth + lane)};
  }
  if (count > room - kPanelWidth) cut_back(list, count, bound, k);
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
  const Index room = candidates.room;
  walk_tiles(x, row_begin, row_end, w, panel_begin, panel_end,
             [&](const float (*sums)[kPanelWidth], Index row, int rows, Index panel) {
               const Index width = w.shape.width(panel);
               const unsigned lanes = (1u << width) - 1;
               const Vector bias = load_terms(terms.bias, panel, width, 0);
               const Vector floor = load_terms(terms.floors, panel, width, -kInfinity);
               // All comparisons before the first branch: few tiles have a lane that is taken.
               unsigned better[kTileRows], any = 0;
               for (int r = 0; r < rows; ++r) {
                 const Vector least = max(Vector::set(candidates.bounds[row + r]), floor);
                 better[r] = lanes_greater(Vector::load(sums[r]) + bias, least);
                 any |= better[r];
               }
               if ((any & lanes) == 0) return;
               for (int r = 0; r < rows; ++r)
                 if (better[r] & lanes)
                   add_lanes(Vector::load(sums[r]) + bias, better[r] & lanes, panel, k,
                             candidates.lists + (row + r) * room, room, candidates.counts[row + r],
                             candidates.bounds[row + r]);
             });
}

Index choose_candidates(Candidate* list, Index count, Index k) {
  if (count > k) {
    std::nth_element(list, list + k - 1, list + count, is_better);
    count = k;
  }
  std::sort(list, list + count,
            [](const Candidate& a, const Candidate& b) { return a.column() < b.column(); });
  return count;
}

}  // namespace gatewise
