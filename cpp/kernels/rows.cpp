#include "kernels/rows.h"

#include <cmath>

#include "core/random.h"
#include "kernels/reduce.h"

namespace gatewise {

void add_scaled(const float* x, float scale, float* y, Index width) {
  const Vector factor = Vector::set(scale);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Vector sum =
        fma(factor, Vector::load_up_to(x + j, rest), Vector::load_up_to(y + j, rest));
    sum.store_up_to(y + j, rest);
  }
}

void set_scaled(const float* x, float scale, float* y, Index width) {
  const Vector factor = Vector::set(scale);
  for (Index j = 0; j < width; j += kPanelWidth)
    (factor * Vector::load_up_to(x + j, width - j)).store_up_to(y + j, width - j);
}

void copy_or_add(const float* x, float* y, Index width, bool accumulate) {
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Vector value = Vector::load_up_to(x + j, width - j);
    (accumulate ? Vector::load_up_to(y + j, width - j) + value : value)
        .store_up_to(y + j, width - j);
  }
}

void move_towards(const float* x, float factor, float* y, Index width) {
  const Vector share = Vector::set(factor);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Vector target = Vector::load_up_to(x + j, width - j);
    const Vector difference = Vector::load_up_to(y + j, width - j) - target;
    fma(share, difference, target).store_up_to(y + j, width - j);
  }
}

float layer_norm_forward(const float* x, const float* gamma, const float* beta, float epsilon,
                         float* normal, float* y, Index width) {
  const float mean = sum_of(x, width) / static_cast<float>(width);
  const Vector centre = Vector::set(mean);
  for (Index j = 0; j < width; j += kPanelWidth)
    (Vector::load_up_to(x + j, width - j) - centre).store_up_to(normal + j, width - j);
  const float variance = dot(normal, normal, width) / static_cast<float>(width);
  const float inverse = 1.0f / std::sqrt(variance + epsilon);
  const Vector scale = Vector::set(inverse);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Vector value = Vector::load_up_to(normal + j, rest) * scale;
    value.store_up_to(normal + j, rest);
    Vector out = value;
    if (gamma) out = out * Vector::load_up_to(gamma + j, rest);
    if (beta) out = out + Vector::load_up_to(beta + j, rest);
    out.store_up_to(y + j, rest);
  }
  return inverse;
}

void layer_norm_backward(const float* normal, const float* gamma, const float* d_y, float inverse,
                         float* d_x, Index width, bool accumulate) {
  const auto scaled = [&](Index j) {
    const Vector d = Vector::load_up_to(d_y + j, width - j);
    return gamma ? d * Vector::load_up_to(gamma + j, width - j) : d;
  };
  Vector sums = Vector::zero(), products = Vector::zero();
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Vector g = scaled(j);
    sums = sums + g;
    products = fma(g, Vector::load_up_to(normal + j, width - j), products);
  }
  const Vector mean = Vector::set(sum_lanes(sums) / static_cast<float>(width));
  const Vector mean_product = Vector::set(sum_lanes(products) / static_cast<float>(width));
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Vector centred = scaled(j) - mean - Vector::load_up_to(normal + j, rest) * mean_product;
    const Vector d = centred * Vector::set(inverse);
    (accumulate ? Vector::load_up_to(d_x + j, rest) + d : d).store_up_to(d_x + j, rest);
  }
}

void dropout(const float* x, float rate, std::uint64_t seed, std::uint64_t stream, Index start,
             float* y, Index width, bool accumulate) {
  const float scale = 1.0f / (1.0f - rate);
  for (Index j = 0; j < width; j += 4) {
    const RandomBlock bits = philox(seed, stream, static_cast<std::uint64_t>(start + j) / 4);
    for (Index i = j; i < width && i < j + 4; ++i) {
      const float value = to_uniform(bits[i - j]) >= rate ? x[i] * scale : 0.0f;
      y[i] = accumulate ? y[i] + value : value;
    }
  }
}

}  // namespace gatewise
