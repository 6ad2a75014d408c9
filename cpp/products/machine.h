// What this machine can do at most with `num_threads()` threads, at this instruction-set level. The
// best of nine repeats: other work on the machine only ever takes away.
#pragma once

#include <cstddef>

namespace gatewise {

// Flops a second (a multiply-add is two) of multiply-adds that read and write registers alone.
double peak_flops();

// Bytes a second at which `bytes` of floats in main memory are summed; far more than the caches
// hold is meant. Throws std::invalid_argument where that is not one float a thread.
double read_bandwidth(std::size_t bytes);

}  // namespace gatewise
