// A 64-byte-aligned block of floats, initialised to zero. Every allocation of the core happens here
// or in `Arena` and is counted, so that a test can check that a warmed-up step allocates nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/sizes.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace gatewise {

inline std::atomic<std::int64_t>& allocation_counter() {
  static std::atomic<std::int64_t> counter{0};
  return counter;
}

inline constexpr std::size_t kAlignment = 64;

// Blocks of two huge pages or more request them: reads then miss the TLB 512 times less often.
inline constexpr std::size_t kHugePage = std::size_t{1} << 21;
inline constexpr std::size_t kHugeBlock = 2 * kHugePage;

inline void* allocate_aligned(std::size_t bytes) {
  allocation_counter().fetch_add(1, std::memory_order_relaxed);
  const std::size_t alignment = bytes >= kHugeBlock ? kHugePage : kAlignment;
  const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
  if (alignment == kHugePage) madvise(memory, size, MADV_HUGEPAGE);  // a hint: it may fail
#endif
  return memory;
}

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(Index size)
      : data_(static_cast<float*>(allocate_aligned(sizeof(float) * checked(size)))), size_(size) {
    std::memset(data_, 0, sizeof(float) * (size + kSlack));
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { std::free(data_); }

  float* data() { return data_; }
  const float* data() const { return data_; }
  Index size() const { return size_; }

 private:
  static std::size_t checked(Index size) {
    if (size < 0 || size > kMaxFloats) throw std::bad_alloc();
    return static_cast<std::size_t>(size + kSlack);
  }

  // Kernels load whole registers: a load that starts inside the block may end this far after it.
  static constexpr Index kSlack = kPanelWidth;

  float* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace gatewise
