#include "kernels/gated_units.h"
#include "kernels/activation_lanes.h"

namespace gatewise {
namespace {

// Lanes [j, j + 16) of a unit: h and scale, and the values before and after f.
struct LaneValues {
  Vector h, scale, before, after;

  LaneValues(Activation kind, const GatedUnit& unit, Index j, Index rest)
      : h(Vector::load_up_to(unit.h + j, rest)),
        scale(Vector::load_up_to(unit.scale + j, rest)),
        before(fma(scale, h, Vector::load_up_to(unit.bias + j, rest))),
        after(activate(kind, before)) {}
};

}  // namespace

void gated_unit_forward(Activation kind, const GatedUnit& unit, float* u, Index width,
                        bool accumulate) {
  const Vector factor = Vector::set(unit.factor);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const LaneValues lane_values(kind, unit, j, rest);
    const Vector sum = accumulate ? fma(factor, lane_values.after, Vector::load_up_to(u + j, rest))
                                  : factor * lane_values.after;
    sum.store_up_to(u + j, rest);
  }
}

float gated_unit_backward(Activation kind, const GatedUnit& unit, const float* d_u, float* d_h,
                          Index width) {
  const Vector factor = Vector::set(unit.factor);
  Vector d_factor = Vector::zero();
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const LaneValues lane_values(kind, unit, j, rest);
    const Vector d_value = Vector::load_up_to(d_u + j, rest);
    // Lanes after the width hold f(0), multiplied by a d_value of 0.
    d_factor = fma(d_value, lane_values.after, d_factor);
    const Vector d_before =
        factor * d_value * activation_derivative(kind, lane_values.after, lane_values.before);
    fma(d_before, lane_values.scale, Vector::load_up_to(d_h + j, rest)).store_up_to(d_h + j, rest);
  }
  return sum_lanes(d_factor);
}

void gated_unit_gradient(Activation kind, const GatedUnit& unit, const float* d_u, float* d_scale,
                         float* d_bias, Index width) {
  const Vector factor = Vector::set(unit.factor);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const LaneValues lane_values(kind, unit, j, rest);
    const Vector d_before = factor * Vector::load_up_to(d_u + j, rest) *
                            activation_derivative(kind, lane_values.after, lane_values.before);
    fma(d_before, lane_values.h, Vector::load_up_to(d_scale + j, rest))
        .store_up_to(d_scale + j, rest);
    (Vector::load_up_to(d_bias + j, rest) + d_before).store_up_to(d_bias + j, rest);
  }
}

}  // namespace gatewise
