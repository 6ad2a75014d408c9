// One gated unit of one row: u = m f(s h + b), where m is what its gate makes of it, h [width] the
// row's values of the unit's group, s and b [width] the unit's own scale and bias, elementwise.
// Arrays have `width` values; what lies behind them is neither read nor written. Nothing may alias.
#pragma once

#include "kernels/activations.h"

namespace gatewise {

struct GatedUnit {
  const float* h = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
  float factor = 0;  // m
};

// u = (+=, where `accumulate`) m f(s h + b).
void gated_unit_forward(Activation kind, const GatedUnit& unit, float* u, Index width,
                        bool accumulate);

// Returns the slope by m, d_u . f(s h + b), and adds the slope by h, m d_u f'(s h + b) s, to d_h.
float gated_unit_backward(Activation kind, const GatedUnit& unit, const float* d_u, float* d_h,
                          Index width);

// Adds the slopes by s, m d_u f'(s h + b) h, and by b, m d_u f'(s h + b).
void gated_unit_gradient(Activation kind, const GatedUnit& unit, const float* d_u, float* d_scale,
                         float* d_bias, Index width);

}  // namespace gatewise
