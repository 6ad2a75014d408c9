#include "kernels/bfloat16_unit.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/flush_to_zero.h"
#include "kernels/amx.h"
#include "kernels/bfloat16_planes.h"

namespace gatewise {
namespace {

#if GATEWISE_HAS_AMX

constexpr Index kDepth = 3 * kBfloat16Block, kRows = kAmxRows;

// Bits of values of many exponents and both signs, with denormals.
std::uint32_t varied_bits(Index i) {
  const std::uint32_t mixed = static_cast<std::uint32_t>(i + 1) * 2654435761u;
  const std::uint32_t exponent = i % 11 == 0 ? mixed % 3 : 97 + mixed % 60;
  return (mixed & 0x807fffffu) | exponent << 23;
}

// True if tiles give the sums of planes.
bool tiles_agree() {
  const FlushToZero flush;
  alignas(64) float planes[kRows][kDepth], panel[kDepth][kPanelWidth];
  alignas(64) std::uint16_t rows[kRows][kDepth], pairs[kDepth * kPanelWidth];
  for (Index r = 0; r < kRows; ++r) {
    float x[kDepth];
    for (Index k = 0; k < kDepth; ++k) x[k] = std::bit_cast<float>(varied_bits(r * kDepth + k));
    to_planes(x, kDepth, planes[r]);
    to_bfloat16_row(x, kDepth, rows[r]);
  }
  for (Index i = 0; i < kDepth * kPanelWidth; ++i)
    pairs[i] = static_cast<std::uint16_t>(varied_bits(7 * i) >> 16);
  widen_pairs(pairs, kDepth, panel[0]);
  alignas(64) float expected[kRows][kPanelWidth] = {}, sums[kRows][kPanelWidth] = {};
  for (Index r = 0; r < kRows; ++r)
    multiply_planes({planes[r], kDepth}, 1, panel[0], 0, 1, kDepth / kBfloat16Block, expected + r);
  {
    const AmxScope scope;
    AmxTiles::load<0>(sums, kAmxBytes);
    for (Index k = 0; k < kDepth; k += kBfloat16Block) {
      AmxTiles::load<1>(rows[0] + k, sizeof rows[0]);
      AmxTiles::load<2>(pairs + k * kPanelWidth, kAmxBytes);
      AmxTiles::add_bfloat16<0, 1, 2>();
    }
    AmxTiles::store<0>(sums, kAmxBytes);
  }
  return std::memcmp(sums, expected, sizeof sums) == 0;
}

Bfloat16Unit choose_unit() {
  return has_amx_bfloat16() && tiles_agree() ? Bfloat16Unit::kTiles : Bfloat16Unit::kPlanes;
}

#else

Bfloat16Unit choose_unit() { return Bfloat16Unit::kPlanes; }

#endif

}  // namespace

Bfloat16Unit best_bfloat16_unit() {
  static const Bfloat16Unit unit = choose_unit();
  return unit;
}

const char* bfloat16_unit_name(Bfloat16Unit unit) {
  return unit == Bfloat16Unit::kTiles ? "AMX" : "float32";
}

}  // namespace gatewise
