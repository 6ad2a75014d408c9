#include "products/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "core/aligned_buffer.h"
#include "core/errors.h"
#include "core/parallel.h"
#include "kernels/amx.h"
#include "kernels/int8_unit.h"
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

// Operations per second of run(iterations), which has `per_iteration` multiply-adds.
template <typename Run>
double peak(Index per_iteration, const Run& run) {
  constexpr Index kIterations = 10'000, kItemsPerThread = 2'000;
  const Index items = kItemsPerThread * num_threads();
  const auto multiply_adds = static_cast<double>(kIterations * per_iteration);
  std::atomic<double> sink{0.0};
  const double seconds = min_seconds([&] {
    parallel_for(items, multiply_adds, [&](Index begin, Index end) {
      sink.fetch_add(static_cast<double>(run((end - begin) * kIterations)));
    });
  });
  return 2.0 * multiply_adds * static_cast<double>(items) / seconds;
}

}  // namespace

double peak_flops() { return peak(multiply_adds_per_iteration(), multiply_add_registers); }

double peak_int8() {
  if (has_amx_int8()) return peak(tile_multiply_adds_per_iteration(1), multiply_add_int8_tiles);
  return has_vnni() ? peak(int8_multiply_adds_per_iteration(), multiply_add_quads) : 0.0;
}

double peak_bfloat16() {
  if (!has_amx_bfloat16()) return 0.0;
  return peak(tile_multiply_adds_per_iteration(2), multiply_add_bfloat16_tiles);
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
