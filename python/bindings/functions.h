// Losses that are Python functions.
#pragma once

#include "arrays.h"
#include "losses/function_loss.h"

namespace gatewise {

// The targets of a batch as an array: labels [count], or values [count, units].
inline py::array target_array(const Target& target, Index count) {
  if (target.labels) {
    LabelArray labels(count);
    for (Index i = 0; i < count; ++i) labels.mutable_data()[i] = target.labels[target.row(i)];
    return labels;
  }
  FloatArray values({count, target.units});
  for (Index i = 0; i < count; ++i)
    std::copy_n(target.values + target.row(i) * target.units, target.units,
                values.mutable_data(i, 0));
  return values;
}

inline FloatArray prediction_array(const Predictions& y) {
  FloatArray rows({y.count, y.units});
  for (Index i = 0; i < y.count; ++i) std::copy_n(y.rows.row(i), y.units, rows.mutable_data(i, 0));
  return rows;
}

// The loss of a Python function (y_true, y_pred) -> (values, gradient) of float32 arrays.
inline std::unique_ptr<Loss> make_function_loss(const py::object& function,
                                                const std::string& reduction) {
  // Shared, since a copy would count references without Python's lock.
  auto held = std::make_shared<py::object>(function);
  auto loss = std::make_unique<FunctionLoss>([held](const Predictions& y, const Target& target,
                                                    float* values, float* gradient, Index stride) {
    const GilAcquire acquire;
    const py::tuple found = (*held)(target_array(target, y.count), prediction_array(y));
    const FloatArray of_rows = expect_floats(found[0], "values");
    const FloatArray of_predictions = expect_floats(found[1], "gradient");
    require(of_rows.size() == y.count && of_predictions.size() == y.count * y.units,
            "loss: expected ", y.count, " values with gradients of ", y.units);
    std::copy_n(of_rows.data(), y.count, values);
    for (Index i = 0; gradient && i < y.count; ++i)
      std::copy_n(of_predictions.data() + i * y.units, y.units, gradient + i * stride);
  });
  loss->reduction = to_reduction(reduction);
  return loss;
}

}  // namespace gatewise
