#include "kernels/code_rows.h"

#include <limits>

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

TEST_CASE("keep_above sets values up to its threshold to 0 and keeps NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  RandomGenerator rng(1);
  for (Index width = 1; width <= 35; ++width) {
    std::vector<float> x = rng.vector(width);
    x[0] = 0.25f;
    if (width > 1) x[width - 1] = nan;
    std::vector<float> z(width + 16, kCanary);
    keep_above(x.data(), 0.25f, z.data(), width);
    bool is_exact = true;
    for (Index j = 0; j < width; ++j)
      is_exact &= std::isnan(x[j]) ? std::isnan(z[j]) : z[j] == (x[j] > 0.25f ? x[j] : 0.0f);
    CHECK(is_exact);
    CHECK(z[0] == 0);
    for (Index j = width; j < width + 16; ++j) CHECK(z[j] == kCanary);
    keep_above(x.data(), 0.25f, x.data(), width);
    CHECK(same_bits(x.data(), z.data(), width));
  }
}

TEST_CASE("reset_idle resets the idle counters of active latents to 0") {
  RandomGenerator rng(2);
  for (Index width = 0; width <= 35; ++width) {
    const std::vector<float> z = rng.vector(width);
    std::vector<float> idle(width + 16, 7.0f);
    reset_idle(z.data(), idle.data(), width);
    for (Index j = 0; j < width + 16; ++j) CHECK(idle[j] == (j < width && z[j] > 0 ? 0.0f : 7.0f));
  }
}

TEST_CASE("keep_above_backward passes gradients and penalties where a code is positive") {
  RandomGenerator rng(3);
  for (Index width = 0; width <= 35; ++width) {
    const std::vector<float> z = rng.vector(width), d = rng.vector(width),
                             penalty = rng.vector(width), before = rng.vector(width);
    for (const bool is_sigmoid : {false, true}) {
      for (const bool has_penalty : {false, true}) {
        std::vector<float> set(width + 16, kCanary), added = before;
        const float* terms = has_penalty ? penalty.data() : nullptr;
        keep_above_backward(z.data(), d.data(), terms, is_sigmoid, set.data(), width, false);
        keep_above_backward(z.data(), d.data(), terms, is_sigmoid, added.data(), width, true);
        bool is_exact = true;
        for (Index j = 0; j < width; ++j) {
          const float derivative = is_sigmoid ? z[j] * (1 - z[j]) : 1.0f;
          const float expected =
              z[j] > 0 ? (d[j] + (has_penalty ? penalty[j] : 0)) * derivative : 0;
          is_exact &= set[j] == expected && added[j] == before[j] + expected;
        }
        CHECK(is_exact);
        for (Index j = width; j < width + 16; ++j) CHECK(set[j] == kCanary);
      }
    }
  }
}
