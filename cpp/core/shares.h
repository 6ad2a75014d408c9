// A range shared out over threads, and how a thread that is done with its share helps another.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>

#include "core/types.h"

namespace gatewise {

// Items [0, count) in as many contiguous shares. A thread claims slices of its own share first, so
// that it meets the same items in range after range, then slices of others'. Slices get smaller
// towards the end of a share: a core that is slow for a while keeps nobody waiting for long.
class Shares {
 public:
  static constexpr int kMost = 64;

  // least, most: items of a slice.
  Shares(Index count, int number, Index least, Index most)
      : number_(std::min(number, kMost)), least_(least), most_(most) {
    for (int share = 0; share < number_; ++share)
      new (shares() + share) Share{count * share / number_, count * (share + 1) / number_};
  }

  // Calls body(begin, end) for the slices that this thread gets, until there are none left or the
  // body returns false.
  template <typename Body>
  void work_off(int thread, const Body& body) {
    for (int turn = 0; turn < number_; ++turn) {
      Share& share = shares()[(thread + turn) % number_];
      for (Index begin, end; claim(share, begin, end);)
        if (!body(begin, end)) return;
    }
  }

 private:
  struct alignas(64) Share {
    std::atomic<Index> next;
    Index end;
  };

  bool claim(Share& share, Index& begin, Index& end) const {
    begin = share.next.load(std::memory_order_relaxed);
    do {
      if (begin >= share.end) return false;
      const Index half = std::clamp((share.end - begin) / 2, least_, most_);
      end = std::min(share.end, begin + half);
    } while (!share.next.compare_exchange_weak(begin, end, std::memory_order_relaxed));
    return true;
  }

  Share* shares() { return reinterpret_cast<Share*>(memory_); }

  int number_;
  Index least_, most_;
  // Only `number_` are ever made: setting up 64 would cost every range some 20 ns.
  alignas(Share) std::byte memory_[kMost * sizeof(Share)];
};

}  // namespace gatewise
