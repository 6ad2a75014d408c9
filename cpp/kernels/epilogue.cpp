#include "kernels/epilogue.h"

namespace gatewise {
namespace {

// Bias, activation and store of `rows` rows of sums [16], from row `row` on, in one panel.
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

// The cheap activations get loops of their own; behind the others, a switch a row costs nothing.
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
