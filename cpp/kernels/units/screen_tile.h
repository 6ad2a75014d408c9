// The tiles that a screen multiplies: rows of x by panels of W, both rounded to 16 bits.
#pragma once

#include "core/types.h"

namespace gatewise {

// Rows and panels of a tile, and the depth of one step.
inline constexpr Index kScreenRows = 32;
inline constexpr Index kScreenPanels = 2;
inline constexpr Index kScreenDepth = 32;

// 16-bit values of the rows, or of the panels, in one step.
inline constexpr Index kScreenStep = kScreenRows * kScreenDepth;
static_assert(kScreenPanels * kPanelWidth * kScreenDepth == kScreenStep);

// Instructions that multiply 16-bit values add pairs of products. Values k and k + 16 of a step
// form a pair, with index screen_pair(k) over all steps. The depth is padded with zeros to whole
// steps.
inline constexpr Index screen_pair(Index k) { return k / kScreenDepth * 16 + k % 16; }
inline constexpr Index screen_half(Index k) { return k % kScreenDepth / 16; }

// One tile to multiply. Each step prefetches `lines` cache lines of 64 bytes from `prefetch` on;
// the addresses need not be valid.
struct ScreenTile {
  const std::uint16_t* rows;
  const std::uint16_t* panels;
  Index steps;
  const float* prefetch = nullptr;
  Index lines = 0;
};

struct ScreenSums {
  alignas(64) float values[kScreenPanels][kScreenRows][kPanelWidth];
};

}  // namespace gatewise
