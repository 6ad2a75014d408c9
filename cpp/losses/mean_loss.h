// Losses that are means over the units of a row: l = mean_j value(y_j, t_j).
#pragma once

#include "core/registry.h"
#include "kernels/reduce.h"
#include "losses/loss.h"
#include "losses/probability.h"

namespace gatewise {

// `Formula` is constructed from options and has, on 16 lanes of predictions and targets,
//   Vector value(const Vector& y, const Vector& t) const
//   Vector derivative(const Vector& y, const Vector& t) const   of the value by y
template <typename Formula>
class MeanLoss : public RowLoss {
 public:
  explicit MeanLoss(const Options& options) : formula_(options) {}

  float row(const float* y, float*, Index target_row, const Target& target, bool, float scale,
            float* d_y) const override {
    const Index units = target.units;
    const float* t = target.values + target_row * units;
    const Vector gradient_scale = Vector::set(scale / static_cast<float>(units));
    Vector sums = Vector::zero();
    for (Index j = 0; j < units; j += kPanelWidth) {
      const Index rest = units - j;
      const Vector prediction = Vector::load_up_to(y + j, rest);
      const Vector expected = read_target(Vector::load_up_to(t + j, rest), target);
      sums = sums + keep_lanes(formula_.value(prediction, expected), rest);
      if (d_y)
        (formula_.derivative(prediction, expected) * gradient_scale).store_up_to(d_y + j, rest);
    }
    return sum_lanes(sums) / static_cast<float>(units);
  }

 protected:
  // The targets that the formula sees.
  virtual Vector read_target(const Vector& t, const Target& target) const {
    static_cast<void>(target);
    return t;
  }

 private:
  Formula formula_;
};

}  // namespace gatewise
