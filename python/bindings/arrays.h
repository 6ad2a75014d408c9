// NumPy arrays as views of the core. Nothing is converted here: arrays of another type or order are
// rejected, since gatewise.data.convert makes all of them float32 and C-contiguous.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "core/errors.h"
#include "core/options.h"
#include "core/types.h"
#include "gil.h"
#include "layers/layer.h"

namespace gatewise {

namespace py = pybind11;

using FloatArray = py::array_t<float, py::array::c_style>;
using LabelArray = py::array_t<std::int32_t, py::array::c_style>;
using IndexArray = py::array_t<std::int64_t, py::array::c_style>;

// Whether an object is an array of this type and order, at an address that its values may have.
template <typename Array>
bool is_array(const py::handle& object) {
  if (!py::isinstance<Array>(object)) return false;
  const auto array = py::reinterpret_borrow<py::array>(object);
  return (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

template <typename Array>
Array expect_array(const py::handle& object, const char* name, const char* type) {
  if (!is_array<Array>(object))
    throw py::type_error(std::string(name) + ": expected a C-contiguous, aligned " + type +
                         " array");
  return py::reinterpret_borrow<Array>(object);
}

inline FloatArray expect_floats(const py::handle& object, const char* name) {
  return expect_array<FloatArray>(object, name, "float32");
}

// CSR rows that keep their arrays alive.
struct SparseMatrix {
  IndexArray offsets;
  LabelArray columns;
  FloatArray values;
  Index width = 0;

  Index rows() const { return offsets.size() - 1; }
};

// An array of any rank, float32 or int32, as rows: all axes but the last are flattened.
struct RowArray {
  Input input;
  Index rows = 0;
  std::vector<py::ssize_t> leading;  // the axes before the last
};

inline RowArray to_rows(const py::handle& object, const char* name) {
  RowArray result;
  if (py::isinstance<SparseMatrix>(object)) {
    const auto& matrix = object.cast<const SparseMatrix&>();
    result.input.sparse = {matrix.offsets.data(), matrix.columns.data(), matrix.values.data()};
    result.input.width = matrix.width;
    result.rows = matrix.rows();
    result.leading = {matrix.rows()};
    return result;
  }
  const bool is_integer = is_array<LabelArray>(object);
  const py::array array =
      is_integer ? py::reinterpret_borrow<py::array>(object) : expect_floats(object, name);
  require(array.ndim() >= 2, name, ": expected at least 2 axes (rows and features), got ",
          array.ndim());
  result.leading.assign(array.shape(), array.shape() + array.ndim() - 1);
  result.input.width = array.shape(array.ndim() - 1);
  result.rows = 1;
  for (const py::ssize_t axis : result.leading) result.rows *= axis;
  if (is_integer)
    result.input.integers = {static_cast<const std::int32_t*>(array.data()), result.input.width};
  else
    result.input.dense = {static_cast<const float*>(array.data()), result.input.width};
  return result;
}

// Rows x for a built layer of one input.
inline RowArray to_layer_rows(const Layer& layer, const py::object& x) {
  RowArray array = to_rows(x, "x");
  require(layer.is_built() && array.input.width == layer.input_widths()[0], "x: expected rows of ",
          layer.input_widths().empty() ? 0 : layer.input_widths()[0], " values, got ",
          array.input.width);
  return array;
}

inline FloatArray new_array(const std::vector<py::ssize_t>& leading, Index width) {
  std::vector<py::ssize_t> shape;
  shape.reserve(leading.size() + 1);
  shape.assign(leading.begin(), leading.end());
  shape.push_back(width);
  return FloatArray(std::move(shape));
}

template <typename To, typename From>
py::array_t<To> copy_array(const From* values, Index count) {
  py::array_t<To> result(count);
  std::copy_n(values, count, result.mutable_data());
  return result;
}

Options to_options(const py::dict& values);

// One function per file, called by the module.
void bind_runtime(py::module_& module);
void bind_layer(py::module_& module);
void bind_dictionary(py::module_& module);
void bind_gated(py::module_& module);
void bind_training(py::module_& module);
void bind_evaluation(py::module_& module);

}  // namespace gatewise
