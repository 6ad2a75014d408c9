#include "kernels/activations.h"
#include "kernels/activation_lanes.h"

namespace gatewise {

void activate_forward(Activation kind, const float* x, float* y, Index count) {
  for (Index i = 0; i < count; i += kPanelWidth) {
    const Vector value = Vector::load_up_to(x + i, count - i);
    activate(kind, value).store_up_to(y + i, count - i);
  }
}

void activate_backward(Activation kind, const float* x, const float* y, const float* d_y,
                       float* d_x, Index count) {
  const float* input = derivative_needs_input(kind) ? x : y;
  for (Index i = 0; i < count; i += kPanelWidth) {
    const Index rest = count - i;
    const Vector derivative = activation_derivative(kind, Vector::load_up_to(y + i, rest),
                                                    Vector::load_up_to(input + i, rest));
    (Vector::load_up_to(d_y + i, rest) * derivative).store_up_to(d_x + i, rest);
  }
}

}  // namespace gatewise
