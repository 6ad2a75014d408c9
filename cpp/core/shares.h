// Divides a range into one share per thread; a thread that is done with its share helps another.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>

#include "core/types.h"

namespace gatewise {

// Items [0, count) in `num_shares` contiguous shares. A thread claims slices of its own share
// first, so that it gets the same items in successive ranges, then slices of others. Slices get
// smaller towards the end of a share, so that a slow core does not keep the others waiting for
// long.
class Shares {
 public:
  static constexpr int kMaxShares = 64;

  // min_slice, max_slice: limits on the items of a slice.
  Shares(Index count, int num_shares, Index min_slice, Index max_slice)
      : num_shares_(std::min(num_shares, kMaxShares)),
        min_slice_(min_slice),
        max_slice_(max_slice) {
    for (int share = 0; share < num_shares_; ++share)
      new (shares() + share) Share{count * share / num_shares_, count * (share + 1) / num_shares_};
  }

  // Calls body(begin, end) for the slices that this thread claims, until none are left or the body
  // returns false.
  template <typename Body>
  void for_each_slice(int thread, const Body& body) {
    for (int offset = 0; offset < num_shares_; ++offset) {
      Share& share = shares()[(thread + offset) % num_shares_];
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
      const Index half = std::clamp((share.end - begin) / 2, min_slice_, max_slice_);
      end = std::min(share.end, begin + half);
    } while (!share.next.compare_exchange_weak(begin, end, std::memory_order_relaxed));
    return true;
  }

  Share* shares() { return reinterpret_cast<Share*>(memory_); }

  int num_shares_;
  Index min_slice_, max_slice_;
  // Only `num_shares_` are constructed: setting up 64 would cost every range some 20 ns.
  alignas(Share) std::byte memory_[kMaxShares * sizeof(Share)];
};

}  // namespace gatewise
