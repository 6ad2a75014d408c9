// Activations and their derivatives of arrays; `activation_lanes.h` has the formulas.
#pragma once

#include "core/activation.h"
#include "core/types.h"

namespace gatewise {

// True if f'(x) needs the pre-activation x; for other activations the output y suffices.
inline bool derivative_needs_input(Activation kind) {
  switch (kind) {
    case Activation::kGelu:
    case Activation::kSilu:
    case Activation::kHardSilu:
    case Activation::kTanhShrink:
    case Activation::kSparsePlus:
    case Activation::kMish:
    case Activation::kSquareplus:
      return true;
    default:
      return false;
  }
}

// y[i] = f(x[i]) for `count` values; y is overwritten and may be x.
void activate_forward(Activation kind, const float* x, float* y, Index count);

// d_x[i] = d_y[i] f'(x[i]) for `count` values, overwritten; d_x may be d_y. f' comes from y and, if
// `derivative_needs_input`, x; otherwise x may be null.
void activate_backward(Activation kind, const float* x, const float* y, const float* d_y,
                       float* d_x, Index count);

}  // namespace gatewise
