// A 64-byte-aligned block of floats, zero at birth. Every allocation of the core is made here or in
// `Arena`, and counted, so that a test can see that a warmed-up step makes none.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/types.h"

namespace gatewise {

inline std::atomic<std::int64_t>& allocation_counter() {
  static std::atomic<std::int64_t> counter{0};
  return counter;
}

inline constexpr std::size_t kAlignment = 64;

// Far beyond any machine's memory, and far from where sizes in bytes overflow.
inline constexpr Index kMostFloats = Index{1} << 44;

inline void* allocate_aligned(std::size_t bytes) {
  allocation_counter().fetch_add(1, std::memory_order_relaxed);
  void* memory = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (memory == nullptr) throw std::bad_alloc();
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
    if (size < 0 || size > kMostFloats) throw std::bad_alloc();
    return static_cast<std::size_t>(size + kSlack);
  }

  // Kernels load whole registers: a load that starts inside the block may end this far behind it.
  static constexpr Index kSlack = kPanelWidth;

  float* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace gatewise
