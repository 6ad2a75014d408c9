// Scratch floats for each thread of a parallel loop.
#pragma once

#include <algorithm>

#include "core/aligned_buffer.h"
#include "core/arena.h"
#include "core/panels.h"
#include "core/parallel.h"

namespace gatewise {

// Memory that a thread keeps from call to call, grown to `floats`; contents are lost when it grows.
inline float* kept_scratch(AlignedBuffer& memory, Index floats) {
  if (memory.size() < floats) memory = AlignedBuffer(floats);
  return memory.data();
}

class ThreadScratch {
 public:
  ThreadScratch(Index floats, Arena& arena)
      : floats_(round_up(floats, kPanelWidth)),
        threads_(num_threads()),
        data_(arena.take<float>(floats_ * threads_)) {}

  // The same, initialised to zero.
  static ThreadScratch zeroed(Index floats, Arena& arena) {
    const ThreadScratch scratch(floats, arena);
    std::fill_n(scratch.data_, scratch.floats_ * scratch.threads_, 0.0f);
    return scratch;
  }

  float* of(int thread) const { return data_ + thread * floats_; }
  // Maximum thread count, for `parallel_for`.
  int threads() const { return threads_; }

 private:
  Index floats_;
  int threads_;
  float* data_;
};

}  // namespace gatewise
