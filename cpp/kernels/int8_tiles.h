// Int8 products by a unit that multiplies tiles of 16 rows of 64 bytes, such as AMX.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/int8_product.h"
#include "kernels/int8_sums.h"

namespace gatewise {

// Tiles has the functions of AmxTiles (kernels/amx.h), and as `Scope` the class of its scope;
// tests emulate it.
template <typename Tiles>
class Int8TilesProduct {
 public:
  Int8TilesProduct(const Int8Rows& x, const Int8Panels& w, const Epilogue& epilogue)
      : x_(x), w_(w), epilogue_(epilogue) {}

  // x.slot is null.
  void run(Index row_begin, Index row_end, Index panel_begin, Index panel_end) const {
    [[maybe_unused]] const typename Tiles::Scope scope;
    for (Index panel = panel_begin; panel < panel_end; panel += kPanels)
      for (Index row = row_begin; row < row_end; row += kRows) {
        const bool has_two_rows = row_end - row > kTile, has_two_panels = panel_end - panel > 1;
        const int rows = static_cast<int>(std::min(kRows, row_end - row));
        if (has_two_rows)
          has_two_panels ? block<true, true>(row, rows, panel)
                         : block<true, false>(row, rows, panel);
        else
          has_two_panels ? block<false, true>(row, rows, panel)
                         : block<false, false>(row, rows, panel);
      }
  }

 private:
  static constexpr Index kTile = 16, kBytes = 64, kTileBytes = kTile * kBytes;
  // Of a block, whose sums are in tiles 0 to 3. Tiles 4 and 5 hold rows, 6 and 7 panels.
  static constexpr Index kRows = 2 * kTile, kPanels = 2;

  template <bool kTwoRows, bool kTwoPanels>
  void block(Index row, int rows, Index panel) const {
    alignas(64) std::int32_t sums[kPanels][kRows][kPanelWidth];
    start(row, rows, sums[0]);
    Tiles::template load<0>(sums[0], kBytes);
    if constexpr (kTwoPanels) Tiles::template load<1>(sums[0], kBytes);
    if constexpr (kTwoRows) Tiles::template load<2>(sums[0][kTile], kBytes);
    if constexpr (kTwoRows && kTwoPanels) Tiles::template load<3>(sums[0][kTile], kBytes);
    const std::byte* a = x_.rows + row * x_.stride;
    const std::uint8_t* b = w_.panel(panel);
    const Index panel_bytes = Int8Panels::panel_values(w_.shape);
    const Index steps = panel_bytes / kTileBytes;
    for (Index step = 0; step < steps; ++step)
      add<kTwoRows, kTwoPanels>(a + step * kBytes, b + step * kTileBytes,
                                b + panel_bytes + step * kTileBytes);
    if (const Index rest = panel_bytes - steps * kTileBytes; rest > 0) {
      // Rows end with zeros, so that the values after a panel's end do not count.
      alignas(64) std::uint8_t last[kPanels][kTileBytes] = {};
      for (Index p = 0; p < (kTwoPanels ? 2 : 1); ++p)
        std::memcpy(last[p], b + p * panel_bytes + steps * kTileBytes,
                    static_cast<std::size_t>(rest));
      add<kTwoRows, kTwoPanels>(a + steps * kBytes, last[0], last[1]);
    }
    Tiles::template store<0>(sums[0], kBytes);
    if constexpr (kTwoPanels) Tiles::template store<1>(sums[1], kBytes);
    if constexpr (kTwoRows) Tiles::template store<2>(sums[0][kTile], kBytes);
    if constexpr (kTwoRows && kTwoPanels) Tiles::template store<3>(sums[1][kTile], kBytes);
    for (Index p = 0; p < (kTwoPanels ? 2 : 1); ++p) finish_rows(sums[p], row, rows, panel + p);
  }

  // The sums begin with each row's correction.
  void start(Index row, int rows, std::int32_t (*sums)[kPanelWidth]) const {
    for (int r = 0; r < rows; ++r) std::fill_n(sums[r], kPanelWidth, x_.corrections[row + r]);
    for (int r = rows; r < kRows; ++r) std::fill_n(sums[r], kPanelWidth, 0);
  }

  // Adds the products of 64 values of the depth.
  template <bool kTwoRows, bool kTwoPanels>
  void add(const std::byte* rows, const std::uint8_t* panel, const std::uint8_t* next_panel) const {
    Tiles::template load<4>(rows, x_.stride);
    Tiles::template load<6>(panel, kBytes);
    if constexpr (kTwoPanels) Tiles::template load<7>(next_panel, kBytes);
    Tiles::template add_bytes<0, 4, 6>();
    if constexpr (kTwoPanels) Tiles::template add_bytes<1, 4, 7>();
    if constexpr (!kTwoRows) return;
    Tiles::template load<5>(rows + kTile * x_.stride, x_.stride);
    Tiles::template add_bytes<2, 5, 6>();
    if constexpr (kTwoPanels) Tiles::template add_bytes<3, 5, 7>();
  }

  void finish_rows(const std::int32_t (*sums)[kPanelWidth], Index row, int rows,
                   Index panel) const {
    for (int first = 0; first < rows; first += kTileRows) {
      const int some = std::min(kTileRows, rows - first);
      Integers integers[kTileRows];
      for (int r = 0; r < some; ++r) integers[r] = Integers::load(sums[first + r]);
      finish(integers, x_.scales + row + first, row + first, some, panel, w_, epilogue_);
    }
  }

  const Int8Rows& x_;
  const Int8Panels& w_;
  const Epilogue& epilogue_;
};

}  // namespace gatewise
