#include "kernels/amx.h"
#include "kernels/int8_unit.h"
#include "kernels/machine_kernels.h"
#include "products/machine.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

TEST_CASE("sum_stream agrees with the naive sum for any count and alignment") {
  RandomGenerator rng(1);
  for (const Index count : {0, 1, 15, 16, 17, 127, 128, 129, 1000}) {
    const std::vector<float> x = rng.vector(count + 1);
    for (const Index shift : {0, 1}) {
      Sum sum;
      for (Index i = 0; i < count; ++i) sum.add(x[static_cast<std::size_t>(i + shift)]);
      WorstError worst;
      worst.see(sum_stream(x.data() + shift, count), sum);
      INFO("count ", count, ": ", worst.report());
      CHECK(worst.is_within());
    }
  }
}

TEST_CASE("multiply_add_registers iterates x / 2 + 1 / 2 in each register") {
  // The registers start at 0, 1, 2, ... and converge to 1: each iteration halves the difference.
  const float start = multiply_add_registers(0), once = multiply_add_registers(1);
  const float end = multiply_add_registers(200);
  CHECK(once - end == doctest::Approx((start - end) / 2));
  CHECK(end >= 10.0f);  // the sum of one lane per register, all near 1
}

TEST_CASE("multiply_add_quads adds four products to each sum in each iteration") {
  if (!has_vnni()) return;
  const Index registers = int8_multiply_adds_per_iteration() / (4 * Native::kWidth);
  CHECK(multiply_add_quads(0) == 0);
  CHECK(multiply_add_quads(50) == 4 * 50 * registers);
}

// Scaling with the thread count is not tested: other programs may occupy a core.
TEST_CASE("the measured machine limits are plausible on one thread and on two") {
  for (int threads = 1; threads <= 2; ++threads) {
    const Threads set(threads);
    const double flops = peak_flops(), bytes = read_bandwidth(std::size_t{64} << 20);
    CHECK((peak_int8() > 1e8) == (has_vnni() || has_amx_int8()));
    CHECK((peak_bfloat16() > 1e8) == has_amx_bfloat16());
    // Between 1 and 1,000 flops or bytes per nanosecond.
    CHECK(flops > 1e8);
    CHECK(flops < 1e12);
    CHECK(bytes > 1e9);
    CHECK(bytes < 1e12);
  }
}

TEST_CASE("read_bandwidth refuses less than one float per thread") {
  const Threads threads(2);
  CHECK_THROWS_WITH_AS(read_bandwidth(4),
                       "read_bandwidth: expected at least one float a thread, got 4 bytes",
                       std::invalid_argument);
}
