#include "kernels/random_fill.h"

#include <cmath>
#include <utility>

#include "core/random.h"
#include "kernels/math.h"

namespace gatewise {
namespace {

// sqrt(2) erfinv(x) for |x| < 1.
Vector normal_from_centred(const Vector& x) {
  const Vector one = Vector::set(1.0f);
  const Vector w = Vector::zero() - log((one - x) * (one + x));
  const auto evaluate = [](const Vector& at, const float (&c)[9]) {
    Vector p = Vector::set(c[0]);
    for (int i = 1; i < 9; ++i) p = fma(p, at, Vector::set(c[i]));
    return p;
  };
  static constexpr float kCentre[9] = {2.81022636e-08f,  3.43273939e-07f, -3.5233877e-06f,
                                       -4.39150654e-06f, 0.00021858087f,  -0.00125372503f,
                                       -0.00417768164f,  0.246640727f,    1.50140941f};
  static constexpr float kTail[9] = {-0.000200214257f, 0.000100950558f, 0.00134934322f,
                                     -0.00367342844f,  0.00573950773f,  -0.0076224613f,
                                     0.00943887047f,   1.00167406f,     2.83297682f};
  const Vector centre = evaluate(w - Vector::set(2.5f), kCentre);
  const Vector tail = evaluate(sqrt(w) - Vector::set(3.0f), kTail);
  return Vector::set(1.41421356f) * x * select_greater(Vector::set(5.0f), w, centre, tail);
}

// 16 uniform numbers from index `start` on, which need not be a multiple of 4.
void uniform_lanes(std::uint64_t seed, std::uint64_t stream, Index start, float* lanes) {
  for (Index i = 0; i < kPanelWidth;) {
    const auto at = static_cast<std::uint64_t>(start + i);
    const RandomBlock bits = philox(seed, stream, at / 4);
    for (auto lane = at % 4; lane < 4 && i < kPanelWidth; ++lane)
      lanes[i++] = to_uniform(bits[lane]);
  }
}

// y[i] = map(uniform number start + i) for all values, 16 at a time.
template <typename Map>
void fill(std::uint64_t seed, std::uint64_t stream, Index start, float* y, Index count, Map map) {
  alignas(64) float lanes[kPanelWidth];
  for (Index i = 0; i < count; i += kPanelWidth) {
    uniform_lanes(seed, stream, start + i, lanes);
    map(Vector::load(lanes)).store_up_to(y + i, count - i);
  }
}

}  // namespace

void fill_uniform(std::uint64_t seed, std::uint64_t stream, Index start, float low, float high,
                  float* y, Index count) {
  // Rounding can produce `high`, which is outside the range.
  const Vector last = Vector::set(std::nextafter(high, low));
  fill(seed, stream, start, y, count, [=](const Vector& u) {
    return min(last, fma(u, Vector::set(high - low), Vector::set(low)));
  });
}

void fill_normal(std::uint64_t seed, std::uint64_t stream, Index start, float mean, float stddev,
                 float* y, Index count) {
  fill(seed, stream, start, y, count, [=](const Vector& u) {
    // Maps the middle of each of the 2^24 cells of [0, 1) to (-1, 1).
    const Vector centred = fma(u, Vector::set(2.0f), Vector::set(0x1p-24f - 1.0f));
    return fma(normal_from_centred(centred), Vector::set(stddev), Vector::set(mean));
  });
}

void fill_permutation(std::uint64_t seed, std::uint64_t stream, Index* y, Index count) {
  for (Index i = 0; i < count; ++i) y[i] = i;
  for (Index i = count - 1; i > 0; --i) {
    const RandomBlock bits = philox(seed, stream, static_cast<std::uint64_t>(i));
    const std::uint64_t random_bits = (static_cast<std::uint64_t>(bits[0]) << 32) | bits[1];
    std::swap(y[i], y[random_bits % static_cast<std::uint64_t>(i + 1)]);
  }
}

}  // namespace gatewise
