#include "kernels/code_rows.h"

#include "kernels/activation_lanes.h"
#include "kernels/activations.h"

namespace gatewise {

void keep_above(const float* x, float threshold, float* z, Index width) {
  const Vector bound = Vector::set(threshold);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Vector value = Vector::load_up_to(x + j, width - j);
    // value - value is 0, or NaN if the value is NaN.
    select_greater(value, bound, value, value - value).store_up_to(z + j, width - j);
  }
}

void reset_idle(const float* z, float* idle, Index width) {
  const Vector zero = Vector::zero();
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Vector rows = Vector::load_up_to(idle + j, rest);
    select_greater(Vector::load_up_to(z + j, rest), zero, zero, rows).store_up_to(idle + j, rest);
  }
}

void keep_above_backward(const float* z, const float* d_z, const float* penalty, bool is_sigmoid,
                         float* d_x, Index width, bool accumulate) {
  const Activation kind = is_sigmoid ? Activation::kSigmoid : Activation::kLinear;
  const Vector zero = Vector::zero();
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Vector value = Vector::load_up_to(z + j, rest);
    Vector d = Vector::load_up_to(d_z + j, rest);
    if (penalty) d = d + Vector::load_up_to(penalty + j, rest);
    d = select_greater(value, zero, d * activation_derivative(kind, value, value), zero);
    if (accumulate) d = d + Vector::load_up_to(d_x + j, rest);
    d.store_up_to(d_x + j, rest);
  }
}

}  // namespace gatewise
