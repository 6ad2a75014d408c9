// Loops that do nothing but what they measure: the most multiply-adds, and the most bytes read.
#pragma once

#include "core/types.h"

namespace gatewise {

// Multiply-adds of one `multiply_add_registers` iteration.
Index multiply_adds_per_iteration();

// `iterations` times: one fused multiply-add on each of enough registers that the latency of one
// hides behind the others. Nothing is read or written. The sum of all lanes is returned, so that
// the work is not left out.
float multiply_add_registers(Index iterations);

// The sum of x [count], read once from front to back, in eight accumulators of a panel's width.
float sum_stream(const float* x, Index count);

}  // namespace gatewise
