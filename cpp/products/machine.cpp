#include "products/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "core/aligned_buffer.h"
#include "core/errors.h"
#include "core/parallel.h"
#include "kernels/machine_kernels.h"

namespace gatewise {
namespace {

constexpr int kRepeats = 9;

// The minimum time of `run`, in seconds. The first run is included: it starts the threads and is
// never the fastest.
template <typename Run>
double min_seconds(const Run& run) {
  using Clock = std::chrono::steady_clock;
  double shortest = 1e300;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const auto begin = Clock::now();
    run();
    shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return shortest;
}

}  // namespace

double peak_flops() {
  constexpr Index kIterations = 10'000, kItemsPerThread = 2'000;
  const Index items = kItemsPerThread * num_threads();
  const auto multiply_adds =
      static_cast<double>(kIterations) * static_cast<double>(multiply_adds_per_iteration());
  std::atomic<float> sink{0.0f};
  const double seconds = min_seconds([&] {
    parallel_for(items, multiply_adds, [&](Index begin, Index end) {
      sink.fetch_add(multiply_add_registers((end - begin) * kIterations));
    });
  });
  return 2.0 * multiply_adds * static_cast<double>(items) / seconds;
}

double read_bandwidth(std::size_t bytes) {
  const auto count = static_cast<Index>(bytes / sizeof(float));
  require(count >= num_threads(), "read_bandwidth: expected at least one float a thread, got ",
          bytes, " bytes");
  const AlignedBuffer values(count);
  std::atomic<float> sink{0.0f};
  const double seconds = min_seconds([&] {
    parallel_for(count, 1.0, [&](Index begin, Index end) {
      sink.fetch_add(sum_stream(values.data() + begin, end - begin));
    });
  });
  return sizeof(float) * static_cast<double>(count) / seconds;
}

}  // namespace gatewise
