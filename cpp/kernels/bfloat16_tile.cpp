#include "kernels/bfloat16_tile.h"

#include <array>
#include <utility>

#include "kernels/row_readers.h"

namespace gatewise {
namespace {

// Panels in planes.
struct PlanePanels {
  const float* data;
  Index stride;

  template <int kRows>
  GATEWISE_INLINE void prefetch(Index, int, Index) const {}
  GATEWISE_INLINE Vector even(Index step, int panel, Index k) const {
    return Vector::load(data + panel * stride + (step * kDotDepth + k) * kPanelWidth);
  }
  GATEWISE_INLINE Vector odd(Index step, int panel, Index k) const {
    return even(step, panel, kPlane + k);
  }
};

// Panels of pairs.
struct PairPanels {
  const std::uint16_t* data;
  Index stride;

  GATEWISE_INLINE const std::uint16_t* at(Index step, int panel, Index k) const {
    return data + panel * stride + (step * kPlane + k) * 2 * kPanelWidth;
  }
  template <int kRows>
  GATEWISE_INLINE void prefetch(Index step, int panel, Index k) const {
    prefetch_ahead<kRows>(at(step, panel, k), kPrefetchBytes);
  }
  GATEWISE_INLINE Vector even(Index step, int panel, Index k) const {
    return Bfloat16Pairs::load(at(step, panel, k)).low();
  }
  GATEWISE_INLINE Vector odd(Index step, int panel, Index k) const {
    return Bfloat16Pairs::load(at(step, panel, k)).high();
  }
};

// Every loop over sums is unrolled: an index known only at run time would keep them in memory
// instead of registers.
template <int kRows, int kPanels>
struct Sums {
  Vector of[kRows][kPanels];

  GATEWISE_INLINE void clear() {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) of[r][p] = Vector::zero();
  }
  GATEWISE_INLINE void add(const float* values, Index stride, const Vector (&weights)[kPanels]) {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Vector value = Vector::set(values[r * stride]);
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) of[r][p] = fma(value, weights[p], of[r][p]);
    }
  }
};

template <typename Panels, int kRows, int kPanels>
void tile(const PlaneRows& rows, const Panels& panels, Index steps, float (*out)[kPanelWidth]) {
  const float* a = rows.data;
  for (Index step = 0; step < steps; ++step, a += kDotDepth) {
    Sums<kRows, kPanels> even, odd;
    even.clear();
    odd.clear();
    for (Index k = 0; k < kPlane; ++k) {
      Vector weights[kPanels], others[kPanels];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        panels.template prefetch<kRows>(step, p, k);
        weights[p] = panels.even(step, p, k);
        others[p] = panels.odd(step, p, k);
      }
      even.add(a + k, rows.stride, weights);
      odd.add(a + kPlane + k, rows.stride, others);
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        float* sum = out[p * kRows + r];
        (even.of[r][p] + odd.of[r][p] + Vector::load(sum)).store(sum);
      }
  }
}

template <typename Panels>
using Tile = void (*)(const PlaneRows& rows, const Panels& panels, Index steps,
                      float (*sums)[kPanelWidth]);

template <typename Panels, int kRows>
constexpr std::array<Tile<Panels>, kMaxPlanePanels> tiles_of_rows() {
  return []<int... kPanels>(std::integer_sequence<int, kPanels...>) {
    return std::array<Tile<Panels>, kMaxPlanePanels>{
        (kPanels < plane_tile_panels(kRows)
             ? &tile<Panels, kRows, std::min(kPanels + 1, plane_tile_panels(kRows))>
             : nullptr)...};
  }(std::make_integer_sequence<int, kMaxPlanePanels>{});
}

// kTiles[r - 1][p - 1]: r rows by p panels.
template <typename Panels>
constexpr auto kTiles = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array<std::array<Tile<Panels>, kMaxPlanePanels>, kPlaneTileRows>{
      tiles_of_rows<Panels, kRows + 1>()...};
}(std::make_integer_sequence<int, kPlaneTileRows>{});

}  // namespace

void multiply_planes(const PlaneRows& rows, int row_count, const float* panels, Index panel_stride,
                     int panel_count, Index steps, float (*sums)[kPanelWidth]) {
  kTiles<PlanePanels>[row_count - 1][panel_count - 1](rows, {panels, panel_stride}, steps, sums);
}

void multiply_pairs(const PlaneRows& rows, int row_count, const std::uint16_t* panels,
                    Index panel_stride, int panel_count, Index steps, float (*sums)[kPanelWidth]) {
  kTiles<PairPanels>[row_count - 1][panel_count - 1](rows, {panels, panel_stride}, steps, sums);
}

}  // namespace gatewise
