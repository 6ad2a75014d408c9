// Times a kernel on one thread and prints a line: time, GFLOP/s, GB/s, fraction of the peak.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/parallel.h"
#include "core/random.h"
#include "core/types.h"
#include "products/machine.h"

namespace gatewise::bench {

using Clock = std::chrono::steady_clock;

// Median seconds per call over runs of at least 2 ms each, about a third of a second in total.
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

// Random values in [-1, 1), followed by one register of padding.
class Values {
 public:
  explicit Values(Index count) : values_(count + kPanelWidth) {
    for (Index i = 0; i < count; i += 4) {
      const RandomBlock bits = philox(1, 2, static_cast<std::uint64_t>(i) / 4);
      for (Index j = i; j < std::min(count, i + 4); ++j)
        values_.data()[j] = 2 * to_uniform(bits[static_cast<std::size_t>(j - i)]) - 1;
    }
  }
  float* data() { return values_.data(); }
  operator float*() { return values_.data(); }

 private:
  AlignedBuffer values_;
};

// The machine's limits for one thread, to which the printed fractions refer.
struct Limits {
  double flops;  // per second
  double bytes;  // read from memory, per second
};

inline void print_heading() {
  std::printf("%-52s%12s%10s%10s%8s\n", "", "us", "GFLOP/s", "GB/s", "share");
}

// Prints a line for each kernel whose name contains `only`.
class Report {
 public:
  Report(const Limits& limits, std::string only) : limits_(limits), only_(std::move(only)) {}

  // Times a product: its flops, and the bytes that it reads from memory if they exceed the caches.
  // The fraction refers to the limit that it comes closer to.
  template <typename Call>
  void operator()(const std::string& name, double flops, double bytes, const Call& call) const {
    if (name.find(only_) == std::string::npos) return;
    const double seconds = seconds_of(call);
    const double peak = flops / limits_.flops / seconds, read = bytes / limits_.bytes / seconds;
    std::printf("%-52s%12.2f%10.1f%10.1f%7.0f%% of %s\n", name.c_str(), seconds * 1e6,
                flops / seconds * 1e-9, bytes / seconds * 1e-9, std::max(peak, read) * 100,
                peak > read ? "peak" : "read");
  }

  // Times an elementwise kernel in nanoseconds per value.
  template <typename Call>
  void values(const std::string& name, Index count, const Call& call) const {
    if (name.find(only_) == std::string::npos) return;
    const double seconds = seconds_of(call);
    std::printf(
        "%-52s%12.3f%30s\n", name.c_str(), seconds * 1e6,
        (std::to_string(seconds * 1e9 / static_cast<double>(count)) + " ns a value").c_str());
  }

 private:
  Limits limits_;
  std::string only_;
};

// The level for which this program is compiled.
inline const char* level_name() {
#define GATEWISE_TEXT_OF(x) #x
#define GATEWISE_TEXT(x) GATEWISE_TEXT_OF(x)
  return GATEWISE_TEXT(GATEWISE_LEVEL);
#undef GATEWISE_TEXT
#undef GATEWISE_TEXT_OF
}

}  // namespace gatewise::bench
