// Detects when other processes occupy the cores, so that one thread is faster than several.
#pragma once

#include <algorithm>
#include <chrono>

namespace gatewise {

using Clock = std::chrono::steady_clock;

// If other processes hold the cores, a team waits milliseconds for a thread that is not scheduled,
// and two threads are slower than one. Results do not depend on the thread count, so the calling
// thread then works alone for ten times as long as the slow region took, and for longer each time
// that the next attempt is slow too. A thread count set by the user is never reduced.
class Congestion {
 public:
  bool is_active(Clock::time_point now) const { return now < retry_; }

  // A region of `operations` ran from `begin` to `done`; the calling thread had no more work at
  // `worked`. It may have done all of it, if the others started late.
  void observe(Clock::time_point begin, Clock::time_point worked, Clock::time_point done,
               double operations) {
    // Either the others started late, or the region took far longer than the slowest work does.
    const std::chrono::duration<double> max_duration(operations * kSlowestSeconds);
    const bool too_slow = done - begin > kLongWait + max_duration;
    update_pause(is_long(worked - begin, done - worked) || too_slow, done - begin);
  }

  // A pass in which the calling thread worked for `worked` and waited for `waited`.
  void observe_pass(Clock::duration worked, Clock::duration waited) {
    update_pause(is_long(worked, waited), worked + waited);
  }

 private:
  static bool is_long(Clock::duration worked, Clock::duration waited) {
    return waited > kLongWait + worked;
  }

  void update_pause(bool lost, Clock::duration took) {
    if (lost) {
      pause_ = std::max<Clock::duration>(2 * pause_, 10 * took);
      pause_ = std::min<Clock::duration>(pause_, kLongestPause);
      retry_ = Clock::now() + pause_;
    } else {
      pause_ = std::max<Clock::duration>(pause_ / 2, kShortestPause);
    }
  }

  static constexpr auto kLongWait = std::chrono::microseconds(150);
  static constexpr auto kShortestPause = std::chrono::milliseconds(10);
  static constexpr auto kLongestPause = std::chrono::seconds(2);
  // A multiply-add takes 0.03 ns in a product and up to 0.5 ns if it waits for memory.
  static constexpr double kSlowestSeconds = 0.5e-9;

  Clock::time_point retry_{};
  Clock::duration pause_ = kShortestPause;
};

}  // namespace gatewise
