#include "kernels/machine_kernels.h"

#include "kernels/amx.h"
#include "kernels/vector.h"

namespace gatewise {
namespace {

// A multiply-add has a latency of 4 cycles, and two start per cycle (Zen 4, and Intel's cores since
// Skylake). Eight in flight keep the units busy; twelve and the two operands fit the 16 registers
// of SSE and AVX.
constexpr int kRegisters = 12;

constexpr int kStreams = 8;

}  // namespace

Index multiply_adds_per_iteration() { return kRegisters * Native::kWidth; }

float multiply_add_registers(Index iterations) {
  // Values stay near 1 for any number of iterations: x -> 0.5 x + 0.5.
  Native::Type factor = Native::set(0.5f), term = Native::set(0.5f);
  Native::Type sums[kRegisters];
#pragma GCC unroll 12
  for (int i = 0; i < kRegisters; ++i) sums[i] = Native::set(static_cast<float>(i));
  for (Index at = 0; at < iterations; ++at) {
#pragma GCC unroll 12
    for (int i = 0; i < kRegisters; ++i) sums[i] = Native::fma(sums[i], factor, term);
  }
  float total = 0.0f;
  float lanes[Native::kWidth];
#pragma GCC unroll 12
  for (int i = 0; i < kRegisters; ++i) {
    Native::store(lanes, sums[i]);
    total += lanes[0];
  }
  return total;
}

Index int8_multiply_adds_per_iteration() { return 4 * kRegisters * Native::kWidth; }

std::int64_t multiply_add_quads(Index iterations) {
  const Native::Integers ones = Native::set_pair(0x01010101);
  Native::Integers sums[kRegisters];
#pragma GCC unroll 12
  for (int i = 0; i < kRegisters; ++i) sums[i] = Native::zero_integers();
  for (Index at = 0; at < iterations; ++at) {
#pragma GCC unroll 12
    for (int i = 0; i < kRegisters; ++i) sums[i] = Native::add_quads(ones, ones, sums[i]);
  }
  std::int64_t total = 0;
  float lanes[Native::kWidth];
#pragma GCC unroll 12
  for (int i = 0; i < kRegisters; ++i) {
    Native::store(lanes, Native::to_floats(sums[i]));
    total += static_cast<std::int64_t>(lanes[0]);
  }
  return total;
}

Index tile_multiply_adds_per_iteration(Index bytes_per_value) {
  return 4 * kAmxRows * kPanelWidth * kAmxBytes / bytes_per_value;
}

#if GATEWISE_HAS_AMX

namespace {

// add(): four products into tiles 0 to 3, of tiles 4 and 5 by 6 and 7.
template <typename Add>
std::int64_t multiply_add_tiles(Index iterations, const Add& add) {
  const AmxScope scope;  // configuring sets all tiles to 0
  for (Index at = 0; at < iterations; ++at) add();
  alignas(64) std::int32_t sums[kAmxRows][kPanelWidth];
  AmxTiles::store<0>(sums, kAmxBytes);
  return sums[0][0];
}

}  // namespace

std::int64_t multiply_add_int8_tiles(Index iterations) {
  return multiply_add_tiles(iterations, [] {
    AmxTiles::add_bytes<0, 4, 6>();
    AmxTiles::add_bytes<1, 4, 7>();
    AmxTiles::add_bytes<2, 5, 6>();
    AmxTiles::add_bytes<3, 5, 7>();
  });
}

std::int64_t multiply_add_bfloat16_tiles(Index iterations) {
  return multiply_add_tiles(iterations, [] {
    AmxTiles::add_bfloat16<0, 4, 6>();
    AmxTiles::add_bfloat16<1, 4, 7>();
    AmxTiles::add_bfloat16<2, 5, 6>();
    AmxTiles::add_bfloat16<3, 5, 7>();
  });
}

#else

std::int64_t multiply_add_int8_tiles(Index) { return 0; }
std::int64_t multiply_add_bfloat16_tiles(Index) { return 0; }

#endif

float sum_stream(const float* x, Index count) {
  constexpr Index kStep = kStreams * kPanelWidth;
  Vector sums[kStreams];
#pragma GCC unroll 8
  for (int i = 0; i < kStreams; ++i) sums[i] = Vector::zero();
  Index at = 0;
  for (; at + kStep <= count; at += kStep) {
#pragma GCC unroll 8
    for (int i = 0; i < kStreams; ++i) sums[i] = sums[i] + Vector::load(x + at + i * kPanelWidth);
  }
  for (; at < count; at += kPanelWidth) sums[0] = sums[0] + Vector::load_up_to(x + at, count - at);
#pragma GCC unroll 8
  for (int i = 1; i < kStreams; ++i) sums[0] = sums[0] + sums[i];
  return sum_lanes(sums[0]);
}

}  // namespace gatewise
