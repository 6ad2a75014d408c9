// Times each kernel on one thread at the level of this program: time, rate, and fraction of the
// limit that bounds it, which is measured in the same run.
//
//   cmake -S . -B build/kernels -DGATEWISE_BUILD_BENCHMARKS=ON && cmake --build build/kernels
//   build/kernels/gatewise_kernels_v3 [part of a name]
#include <cstring>

#include "core/flush_to_zero.h"
#include "elementwise.h"
#include "products.h"

int main(int count, char** arguments) {
  using namespace gatewise;
  using namespace gatewise::bench;
  set_num_threads(1);
  const FlushToZero flush;  // as in parallel_for
  const Limits limits{peak_flops(), read_bandwidth(std::size_t{512} << 20)};
  std::printf("%s, one thread: peak %.1f GFLOP/s, read %.1f GB/s\n", level_name(),
              limits.flops * 1e-9, limits.bytes * 1e-9);
  print_heading();
  const Report report(limits, count > 1 ? arguments[1] : "");
  time_products(report);
  time_elementwise(report);
  return 0;
}
