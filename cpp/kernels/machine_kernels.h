// Loops that measure the peak rate of multiply-adds and the peak read bandwidth.
#pragma once

#include "core/types.h"

namespace gatewise {

// Multiply-adds of one `multiply_add_registers` iteration.
Index multiply_adds_per_iteration();

// Each iteration does one fused multiply-add on each of enough registers to hide its latency.
// Memory is neither read nor written. Returns a sum over the registers, so that the compiler keeps
// the work.
float multiply_add_registers(Index iterations);

// The same with multiply-adds of int8 values by VNNI. Returns a sum over the registers.
Index int8_multiply_adds_per_iteration();
std::int64_t multiply_add_quads(Index iterations);

// The same on the tiles of AMX, with values of 0: of int8 and of bfloat16. Each iteration has four
// products of tiles. Returns 0.
Index tile_multiply_adds_per_iteration(Index bytes_per_value);
std::int64_t multiply_add_int8_tiles(Index iterations);
std::int64_t multiply_add_bfloat16_tiles(Index iterations);

// Returns the sum of x [count], read once from front to back, in eight accumulators of panel width.
float sum_stream(const float* x, Index count);

}  // namespace gatewise
