// One gated unit of one row: u = m f(s h + b), elementwise. m is the factor from the unit's gate, h
// [width] the row's values of the unit's group, s and b [width] the unit's own scale and bias.
// Arrays have `width` values; nothing after them is read or written. No arrays may alias.
#pragma once

#include "kernels/activations.h"

namespace gatewise {

struct GatedUnit {
  const float* h = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
  float factor = 0;  // m
};

// u = m f(s h + b), or u += it if `accumulate`.
void gated_unit_forward(Activation kind, const GatedUnit& unit, float* u, Index width,
                        bool accumulate);

// Returns the gradient of m, d_u . f(s h + b), and adds that of h, m d_u f'(s h + b) s, to d_h.
float gated_unit_backward(Activation kind, const GatedUnit& unit, const float* d_u, float* d_h,
                          Index width);

// Adds the gradients of s, m d_u f'(s h + b) h, and of b, m d_u f'(s h + b).
void gated_unit_gradient(Activation kind, const GatedUnit& unit, const float* d_u, float* d_scale,
                         float* d_bias, Index width);

}  // namespace gatewise
