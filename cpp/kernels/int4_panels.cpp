#include "kernels/int4_panels.h"

#include <algorithm>

#include "kernels/int4_codes.h"

namespace gatewise {
namespace {

// Bytes of four rows of a panel, and of eight in codes.
constexpr Index kBytes = 4 * kPanelWidth;

}  // namespace

void unpack_int4(const Int4Panels& w, Index p, std::uint8_t* to) {
  const std::uint8_t* from = w.panel(p);
  const Index rows = round_up(w.shape.rows, 8);
  for (Index block = 0; block * w.block_rows < rows; ++block) {
    const BlockFactors block_factors(w, block, p);
    const Index end = std::min((block + 1) * w.block_rows, rows);
    for (Index row = block * w.block_rows; row < end; row += 8, from += kBytes, to += 2 * kBytes) {
      __builtin_prefetch(from + kInt4PrefetchBytes);
      const Integers codes = Integers::load(from);
      block_factors.apply(codes).store(to);
      block_factors.apply(upper_codes(codes)).store(to + kBytes);
    }
  }
}

}  // namespace gatewise
