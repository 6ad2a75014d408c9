// Shape of a parameter in NumPy.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "core/parameters.h"

namespace gatewise {

namespace py = pybind11;

inline std::vector<py::ssize_t> natural_shape(const Parameter& parameter) {
  std::vector<py::ssize_t> shape;
  if (parameter.per_expert) shape.push_back(parameter.count);
  if (parameter.is_matrix) shape.push_back(parameter.shape.rows);
  shape.push_back(parameter.shape.cols);
  return shape;
}

}  // namespace gatewise
