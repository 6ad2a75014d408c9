#include "kernels/epilogue.h"
#include "kernels/activation_lanes.h"

namespace gatewise {
namespace {

// `finish` with the activation as a function that can be inlined.
template <typename Activate>
GATEWISE_INLINE void finish_rows(const float (*sums)[kPanelWidth], Index row, int rows, Index panel,
                                 Index width, const Epilogue& e, const Activate& activate) {
  const Index column = panel * kPanelWidth;
  const Vector bias = e.bias ? Vector::load_up_to(e.bias + column, width) : Vector::zero();
  for (int r = 0; r < rows; ++r) {
    Vector value = Vector::load(sums[r]);
    if (e.bias) value = value + bias;
    const Index at = (row + r) * e.y_stride + column;
    if (e.pre_activation) value.store_up_to(e.pre_activation + at, width);
    activate(value).store_up_to(e.y + at, width);
  }
}

}  // namespace

// Cheap activations have separate loops. For the others, the cost of a switch per row is
// negligible.
void finish(const float (*sums)[kPanelWidth], Index row, int rows, Index panel, Index width,
            const Epilogue& e) {
  if (e.activation == Activation::kLinear) {
    finish_rows(sums, row, rows, panel, width, e,
                [](const Vector& v) GATEWISE_INLINE_LAMBDA { return v; });
  } else if (e.activation == Activation::kRelu) {
    finish_rows(sums, row, rows, panel, width, e, [](const Vector& v) GATEWISE_INLINE_LAMBDA {
      return activate(Activation::kRelu, v);
    });
  } else {
    finish_rows(sums, row, rows, panel, width, e,
                [&e](const Vector& v) GATEWISE_INLINE_LAMBDA { return activate(e.activation, v); });
  }
}

}  // namespace gatewise
