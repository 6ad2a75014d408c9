#include "kernels/softmax.h"

#include "kernels/math.h"
#include "kernels/reduce.h"

namespace gatewise {

float softmax_forward(const float* x, float* y, Index width) {
  const float largest = largest_of(x, width);
  const Vector shift = Vector::set(largest);
  Vector sums = Vector::zero();
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    exp(Vector::load_up_to(x + j, rest) - shift).store_up_to(y + j, rest);
    sums = sums + Vector::load_up_to(y + j, rest);
  }
  const float sum = sum_lanes(sums);
  const Vector divisor = Vector::set(sum);
  for (Index j = 0; j < width; j += kPanelWidth)
    (Vector::load_up_to(y + j, width - j) / divisor).store_up_to(y + j, width - j);
  return largest + log_of(sum);
}

void softmax_backward(const float* y, const float* d_y, float* d_x, Index width) {
  const Vector mean = Vector::set(dot(y, d_y, width));
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Vector centred = Vector::load_up_to(d_y + j, rest) - mean;
    (Vector::load_up_to(y + j, rest) * centred).store_up_to(d_x + j, rest);
  }
}

}  // namespace gatewise
