// Scratch memory of one run through a network: `take` bumps a pointer, `reset` frees everything at
// once. Blocks are kept, so a run with the same or smaller shapes than an earlier one allocates
// nothing. Sizes may depend on the data: a block that is too small is replaced by one with a
// margin.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/aligned_buffer.h"

namespace gatewise {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `count` values, 64-byte aligned, uninitialised, valid until `reset`. One register after the
  // last value may be read.
  template <typename T>
  T* take(Index count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count < 0 || count > kMaxFloats) throw std::bad_alloc();
    return static_cast<T*>(take_bytes(sizeof(T) * static_cast<std::size_t>(count)));
  }

  template <typename T>
  T* take_zeroed(Index count) {
    T* values = take<T>(count);
    std::memset(static_cast<void*>(values), 0, sizeof(T) * static_cast<std::size_t>(count));
    return values;
  }

  // A value-initialised struct, such as what a layer's forward saves for its backward.
  template <typename T>
  T* make() {
    return new (take<T>(1)) T{};
  }

  void reset() { rewind({}); }

  // Bytes of all blocks, used or not.
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.bytes;
    return sum;
  }

  // `mark` returns the current position; `rewind` frees everything taken since. For loops whose
  // iterations reuse the same memory.
  struct Mark {
    std::size_t block = 0;
    std::size_t used = 0;
  };
  Mark mark() const { return {current_, used_}; }
  void rewind(const Mark& mark) {
    current_ = mark.block;
    used_ = mark.used;
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

  struct Block {
    std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
    std::size_t bytes = 0;
  };

  void* take_bytes(std::size_t bytes) {
    bytes = (bytes + 2 * kAlignment - 1) / kAlignment * kAlignment;
    const std::size_t first_unused = current_ + (used_ > 0);
    while (current_ < blocks_.size() && used_ + bytes > blocks_[current_].bytes) {
      ++current_;
      used_ = 0;
    }
    if (current_ == blocks_.size()) {
      // The blocks that were skipped hold nothing of this run.
      const bool was_too_small = first_unused < blocks_.size();
      while (blocks_.size() > first_unused) blocks_.pop_back();
      current_ = blocks_.size();
      Block block;
      block.bytes = std::max(kBlockBytes, was_too_small ? bytes + bytes / 4 : bytes);
      block.memory.reset(allocate_aligned(block.bytes));
      blocks_.push_back(std::move(block));
    }
    void* result = static_cast<char*>(blocks_[current_].memory.get()) + used_;
    used_ += bytes;
    return result;
  }

  std::vector<Block> blocks_;
  std::size_t current_ = 0;
  std::size_t used_ = 0;
};

}  // namespace gatewise
