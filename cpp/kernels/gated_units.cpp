#include "kernels/gated_units.h"

namespace gatewise {
namespace {

// Registers [j, j + 16) of a unit: what it reads, and its values before and after f.
struct Piece {
  Vector h, scale, before, after;

  Piece(Activation kind, const GatedUnit& unit, Index j, Index rest)
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
    const Piece piece(kind, unit, j, rest);
    const Vector sum = accumulate ? fma(factor, piece.after, Vector::load_up_to(u + j, rest))
                                  : factor * piece.after;
    sum.store_up_to(u + j, rest);
  }
}

float gated_unit_backward(Activation kind, const GatedUnit& unit, const float* d_u, float* d_h,
                          Index width) {
  const Vector factor = Vector::set(unit.factor);
  Vector d_factor = Vector::zero();
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Piece piece(kind, unit, j, rest);
    const Vector slope = Vector::load_up_to(d_u + j, rest);
    // Lanes behind the width hold f(0), times a slope of 0.
    d_factor = fma(slope, piece.after, d_factor);
    const Vector d_before = factor * slope * activation_slope(kind, piece.after, piece.before);
    fma(d_before, piece.scale, Vector::load_up_to(d_h + j, rest)).store_up_to(d_h + j, rest);
  }
  return sum_lanes(d_factor);
}

void gated_unit_gradient(Activation kind, const GatedUnit& unit, const float* d_u, float* d_scale,
                         float* d_bias, Index width) {
  const Vector factor = Vector::set(unit.factor);
  for (Index j = 0; j < width; j += kPanelWidth) {
    const Index rest = width - j;
    const Piece piece(kind, unit, j, rest);
    const Vector d_before = factor * Vector::load_up_to(d_u + j, rest) *
                            activation_slope(kind, piece.after, piece.before);
    fma(d_before, piece.h, Vector::load_up_to(d_scale + j, rest)).store_up_to(d_scale + j, rest);
    (Vector::load_up_to(d_bias + j, rest) + d_before).store_up_to(d_bias + j, rest);
  }
}

}  // namespace gatewise
