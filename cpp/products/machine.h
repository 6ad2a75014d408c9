// Peak speeds of this machine with `num_threads()` threads at this instruction-set level. The best
// of nine repeats, since other work on the machine can only lower a result.
#pragma once

#include <cstddef>

namespace gatewise {

// Flops per second (a multiply-add is two) of multiply-adds that use only registers.
double peak_flops();

// The same for multiply-adds of int8 values by AMX, or VNNI; 0 without both.
double peak_int8();

// The same for bfloat16 values with float32 sums by AMX; 0 without it.
double peak_bfloat16();

// Bytes per second at which `bytes` of floats in main memory are summed; `bytes` should far exceed
// the caches. Throws std::invalid_argument if that is less than one float per thread.
double read_bandwidth(std::size_t bytes);

}  // namespace gatewise
