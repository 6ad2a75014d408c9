// The tiles in which a screen multiplies: rows of x by panels of W, both rounded to 16 bits.
#pragma once

#include "core/types.h"

namespace gatewise {

// Rows and panels that are multiplied at once, and the depth of one step.
inline constexpr Index kScreenRows = 32;
inline constexpr Index kScreenPanels = 2;
inline constexpr Index kScreenDepth = 32;

// Values of 16 bits in a step's rows, or panels.
inline constexpr Index kScreenStep = kScreenRows * kScreenDepth;
static_assert(kScreenPanels * kPanelWidth * kScreenDepth == kScreenStep);

// Instructions that multiply 16 bits add up pairs. In a step, values k and k + 16 are one, number
// screen_pair(k) of all; the depth is padded with zeros to a whole number of steps.
inline constexpr Index screen_pair(Index k) { return k / kScreenDepth * 16 + k % 16; }
inline constexpr Index screen_half(Index k) { return k % kScreenDepth / 16; }

// One tile to multiply. For each step so many lines of 64 bytes are asked for, from `prefetch` on;
// they need not exist.
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
