// Times a kernel on one thread and prints a line: time, GFLOP/s, GB/s, share of the peak.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/random.h"
#include "core/types.h"

namespace gatewise::bench {

using Clock = std::chrono::steady_clock;

// Median seconds of one call, over runs of at least 2 ms each for about a third of a second.
template <typename Call>
double seconds_of(const Call& call) {
  const auto time = [&](int calls) {
    const auto begin = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const double once = std::max(time(1), 1e-8);
  const int calls = std::max(1, static_cast<int>(2e-3 / once));
  const int runs = std::clamp(static_cast<int>(0.35 / (calls * once)), 9, 101);
  std::vector<double> seconds(static_cast<std::size_t>(runs));
  for (double& value : seconds) value = time(calls) / calls;
  std::nth_element(seconds.begin(), seconds.begin() + runs / 2, seconds.end());
  return seconds[static_cast<std::size_t>(runs / 2)];
}

// Values in [-1, 1), one register of slack behind them.
class Values {
 public:
  explicit Values(Index count) : values_(count + kPanelWidth) {
    for (Index i = 0; i < count; i += 4) {
      const RandomBlock bits = philox(1, 2, static_cast<std::uint64_t>(i) / 4);
      for (Index j = i; j < std::min(count, i + 4); ++j)
        values_.data()[j] = 2 * to_unit(bits[static_cast<std::size_t>(j - i)]) - 1;
    }
  }
  float* data() { return values_.data(); }
  operator float*() { return values_.data(); }

 private:
  AlignedBuffer values_;
};

// The machine's limits for one thread, which shares are taken of.
struct Limits {
  double flops;  // a second
  double bytes;  // read from memory, a second
};

inline void print_heading() {
  std::printf("%-52s%12s%10s%10s%8s\n", "", "us", "GFLOP/s", "GB/s", "share");
}

// flops: of one call; bytes: that it must move. The share is of the limit that its time is nearer
// to.
template <typename Call>
void report(const std::string& name, double flops, double bytes, const Limits& limits,
            const Call& call) {
  const double seconds = seconds_of(call);
  const double share = std::max(flops / limits.flops, bytes / limits.bytes) / seconds;
  std::printf("%-52s%12.2f%10.1f%10.1f%7.0f%%\n", name.c_str(), seconds * 1e6,
              flops / seconds * 1e-9, bytes / seconds * 1e-9, share * 100);
}

}  // namespace gatewise::bench
