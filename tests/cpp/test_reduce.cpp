#include "kernels/reduce.h"

#include "kernels/finite.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

TEST_CASE("dot, sum_of and norms_of agree with the naive sums") {
  RandomGenerator rng(1);
  for (Index count = 0; count <= 133; ++count) {
    const std::vector<float> a = rng.vector(count), b = rng.vector(count);
    Sum product, sum, absolute, square;
    for (Index i = 0; i < count; ++i) {
      product.add(a[i], b[i]);
      sum.add(a[i]);
      absolute.add(std::fabs(a[i]));
      square.add(a[i], a[i]);
    }
    const Norms norms = norms_of(a.data(), count);
    WorstError worst;
    worst.see(dot(a.data(), b.data(), count), product);
    worst.see(sum_of(a.data(), count), sum);
    worst.see(norms.absolute, absolute);
    worst.see(norms.square, square);
    INFO("count ", count, ": ", worst.report());
    CHECK(worst.is_within());
  }
}

TEST_CASE("sums do not depend on the alignment of their values") {
  RandomGenerator rng(2);
  const std::vector<float> a = rng.vector(77), b = rng.vector(77);
  const float product = dot(a.data(), b.data(), 77), sum = sum_of(a.data(), 77);
  for (std::size_t shift = 1; shift < 17; ++shift) {
    std::vector<float> moved(77 + shift), other(77 + 2 * shift);
    std::copy(a.begin(), a.end(), moved.data() + shift);
    std::copy(b.begin(), b.end(), other.data() + 2 * shift);
    CHECK(dot(moved.data() + shift, other.data() + 2 * shift, 77) == product);
    CHECK(sum_of(moved.data() + shift, 77) == sum);
  }
}

TEST_CASE("largest_of finds the largest; NaN ranks last at any index") {
  CHECK(largest_of(std::vector<float>{-3, -1, -2}.data(), 3) == -1.0f);
  CHECK(largest_of(std::vector<float>{1, NAN, 0}.data(), 3) == 1.0f);
  CHECK(largest_of(std::vector<float>{NAN, NAN}.data(), 2) == -HUGE_VALF);
  CHECK(largest_of(std::vector<float>{NAN, 1, 0}.data(), 3) == 1.0f);
}

TEST_CASE("largest_of agrees with the naive maximum around the width of a register") {
  RandomGenerator rng(4);
  for (Index count = 1; count <= 70; ++count) {
    // All values are negative: an unused lane of zero would win.
    std::vector<float> a = rng.vector(count, -3, -1);
    CHECK(largest_of(a.data(), count) == *std::max_element(a.begin(), a.end()));
    const Index index = rng.below(count);
    a[index] = NAN;
    float largest = -HUGE_VALF;
    for (const float value : a) largest = std::fmax(largest, value);
    CHECK(largest_of(a.data(), count) == largest);
    a[index] = -0.5f;
    CHECK(largest_of(a.data(), count) == -0.5f);
  }
}

TEST_CASE("log_of and exp_of equal the lanes of log and exp") {
  CHECK(log_of(1.0f) == 0.0f);
  CHECK(log_of(10.0f) == doctest::Approx(2.302585093));
  CHECK(exp_of(1.0f) == doctest::Approx(2.718281828));
}

TEST_CASE("find_nonfinite finds the first value that is NaN or infinite") {
  RandomGenerator rng(3);
  for (const float bad : {NAN, HUGE_VALF, -HUGE_VALF}) {
    for (const Index count : {1, 15, 16, 17, 1023, 1024, 1025, 2100}) {
      std::vector<float> x = rng.vector(count, -1e38f, 1e38f);
      CHECK(find_nonfinite(x.data(), count) == -1);
      for (Index index : {count - 1, count / 2, Index{0}}) {
        x[index] = bad;
        INFO("value ", bad, " at ", index, " of ", count);
        CHECK(find_nonfinite(x.data(), count) == index);
      }
    }
  }
  CHECK(find_nonfinite(nullptr, 0) == -1);
  const std::vector<float> x{1, 2, NAN};
  CHECK(find_nonfinite(x.data(), 2) == -1);
}
