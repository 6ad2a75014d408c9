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

constexpr Index kDepth = 3 * kDotDepth, kRows = kAmxRows;

// Bits of factors: of many exponents; whose products are about the smallest normal number; or with
// infinity and NaN. All kinds have both signs and denormals.
enum class Kind { kVaried, kTiny, kNonfinite };

std::uint32_t bits_of(Kind kind, Index i) {
  const std::uint32_t mixed = static_cast<std::uint32_t>(i + 1) * 2654435761u;
  std::uint32_t exponent = kind == Kind::kTiny ? 61 + mixed % 6 : 97 + mixed % 60;
  if (i % 11 == 0) exponent = mixed % 3;
  if (kind == Kind::kNonfinite && i % 97 == 0) exponent = 255;
  return (mixed & 0x807fffffu) | exponent << 23;
}

bool is_same(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);  // a NaN has any payload
}

// True if tiles give the sums of planes.
bool tiles_agree(Kind kind) {
  const FlushToZero flush;
  alignas(64) float planes[kRows][kDepth], panel[kDepth][kPanelWidth];
  alignas(64) std::uint16_t rows[kRows][kDepth], pairs[kDepth * kPanelWidth];
  for (Index r = 0; r < kRows; ++r) {
    float x[kDepth];
    for (Index k = 0; k < kDepth; ++k) x[k] = std::bit_cast<float>(bits_of(kind, r * kDepth + k));
    to_planes(x, kDepth, planes[r]);
    to_bfloat16_row(x, kDepth, rows[r]);
  }
  for (Index i = 0; i < kDepth * kPanelWidth; ++i)
    pairs[i] = static_cast<std::uint16_t>(bits_of(kind, 7 * i) >> 16);
  widen_pairs(pairs, kDepth, panel[0]);
  alignas(64) float expected[kRows][kPanelWidth] = {}, sums[kRows][kPanelWidth] = {};
  for (Index r = 0; r < kRows; ++r)
    multiply_planes({planes[r], kDepth}, 1, panel[0], 0, 1, kDepth / kDotDepth, expected + r);
  {
    const AmxScope scope;
    AmxTiles::load<0>(sums, kAmxBytes);
    for (Index k = 0; k < kDepth; k += kDotDepth) {
      AmxTiles::load<1>(rows[0] + k, sizeof rows[0]);
      AmxTiles::load<2>(pairs + k * kPanelWidth, kAmxBytes);
      AmxTiles::add_bfloat16<0, 1, 2>();
    }
    AmxTiles::store<0>(sums, kAmxBytes);
  }
  return std::equal(sums[0], sums[0] + kRows * kPanelWidth, expected[0], is_same);
}

Bfloat16Unit choose_unit() {
  const bool agrees = has_amx_bfloat16() && tiles_agree(Kind::kVaried) &&
                      tiles_agree(Kind::kTiny) && tiles_agree(Kind::kNonfinite);
  return agrees ? Bfloat16Unit::kTiles : Bfloat16Unit::kPlanes;
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
