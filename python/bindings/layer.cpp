// Layers and their parameters.
#include "layers/layer.h"

#include "arrays.h"
#include "kernels/pack.h"
#include "layers/sparse_expert.h"
#include "training/network.h"

namespace gatewise {
namespace {

std::shared_ptr<Layer> make_layer(const std::string& kind, const py::dict& values) {
  const Options options = to_options(values);
  std::shared_ptr<Layer> layer = Registry<Layer>::create(kind, options);
  options.check_all_read();
  return layer;
}

std::vector<py::ssize_t> natural_shape(const Parameter& parameter) {
  std::vector<py::ssize_t> shape;
  if (parameter.per_expert) shape.push_back(parameter.count);
  if (parameter.is_matrix) shape.push_back(parameter.shape.rows);
  shape.push_back(parameter.shape.cols);
  return shape;
}

FloatArray get(Layer& layer, const std::string& name) {
  const ReadClaim claim(layer.use());
  const Parameter& parameter = layer.parameters().find(name);
  FloatArray result(natural_shape(parameter));
  float* to = result.mutable_data();
  const Index values = parameter.shape.rows * parameter.shape.cols;
  for (Index slice = 0; slice < parameter.count; ++slice) {
    const float* from = layer.parameters().data() + parameter.slice_offset(slice);
    if (parameter.is_matrix)
      unpack_panels(from, parameter.shape, to + slice * values);
    else
      std::copy_n(from, values, to + slice * values);
  }
  return result;
}

void set(Layer& layer, const std::string& name, const py::object& value) {
  const Parameter& parameter = layer.parameters().find(name);
  const FloatArray array = expect_floats(value, name.c_str());
  const auto shape = natural_shape(parameter);
  require(std::vector(array.shape(), array.shape() + array.ndim()) == shape, name,
          ": expected an array of the parameter's own shape");
  const Index values = parameter.shape.rows * parameter.shape.cols;
  const auto lock = layer.use().lock_for_write();
  for (Index slice = 0; slice < parameter.count; ++slice) {
    float* to = layer.parameters().data() + parameter.slice_offset(slice);
    if (parameter.is_matrix)
      pack_panels(array.data() + slice * values, parameter.shape, to);
    else
      std::copy_n(array.data() + slice * values, values, to);
  }
  ++layer.writes;
}

Index count_nonzero(Layer& layer, const std::string& name) {
  const Parameter& parameter = layer.parameters().find(name);
  const float* values = layer.parameters().data() + parameter.offset;
  return std::count_if(values, values + parameter.count * parameter.slice_floats(),
                       [](float value) { return value != 0; });
}

void set_penalty(Layer& layer, const std::string& name, float l1, float l2) {
  require(l1 >= 0 && l2 >= 0, "set_penalty: expected l1 >= 0 and l2 >= 0");
  const auto lock = layer.use().lock_for_write();
  Parameter& parameter = layer.parameters().find(name);
  parameter.l1 = l1;
  parameter.l2 = l2;
  ++layer.writes;
}

void check_offsets(const IndexArray& offsets, Index entries) {
  const Index count = offsets.size();
  require(offsets.ndim() == 1 && count >= 1, "indptr: expected row offsets, got none");
  const std::int64_t* at = offsets.data();
  require(at[0] == 0 && at[count - 1] == entries, "indptr: expected offsets from 0 to ", entries,
          ", got ", at[0], " to ", at[count - 1]);
  for (Index i = 1; i < count; ++i)
    require(at[i] >= at[i - 1], "indptr: expected offsets that do not decrease, got ", at[i],
            " after ", at[i - 1]);
}

SparseExpertLayer& expert_layer(Layer& layer) {
  auto* experts = dynamic_cast<SparseExpertLayer*>(&layer);
  require(experts != nullptr, "routing: expected a sparse_expert layer");
  return *experts;
}

template <typename To, typename From>
py::array_t<To> copy_array(const From* values, Index count) {
  py::array_t<To> result(count);
  std::copy_n(values, count, result.mutable_data());
  return result;
}

py::tuple routing(Layer& layer, const py::object& x) {
  const SparseExpertLayer& experts = expert_layer(layer);
  const RowArray array = rows_of(x, "x");
  require(layer.is_built() && array.input.width == layer.input_widths()[0], "x: expected rows of ",
          layer.input_widths().empty() ? 0 : layer.input_widths()[0], " values, got ",
          array.input.width);
  Arena arena;
  RouterRun run;
  const ReadClaim claim(layer.use());
  {
    const py::gil_scoped_release release;
    check_finite(array.input, array.rows, "x");
    run = experts.route(array.input, array.rows, arena);
  }
  const Choice& choice = run.choice;
  return py::make_tuple(copy_array<std::int64_t>(choice.offsets, choice.rows + 1),
                        copy_array<std::int32_t>(choice.experts, choice.entries()),
                        copy_array<float>(choice.weights, choice.entries()));
}

}  // namespace

void bind_layer(py::module_& module) {
  py::class_<Parameter>(module, "Parameter")
      .def_readonly("name", &Parameter::name)
      .def_property_readonly(
          "shape", [](const Parameter& p) { return py::tuple(py::cast(natural_shape(p))); })
      .def_readonly("role", &Parameter::role)
      .def_readonly("per_expert", &Parameter::per_expert);
  py::class_<SparseMatrix>(module, "SparseRows")
      .def(py::init([](IndexArray offsets, LabelArray columns, FloatArray values, Index width) {
             check_offsets(offsets, columns.size());
             require(columns.size() == values.size(),
                     "SparseRows: expected as many columns as values");
             for (Index i = 0; i < columns.size(); ++i)
               require(columns.data()[i] >= 0 && columns.data()[i] < width,
                       "indices: expected columns below ", width, ", got ", columns.data()[i]);
             return SparseMatrix{offsets, columns, values, width};
           }),
           py::arg("indptr"), py::arg("indices"), py::arg("data"), py::arg("width"));
  py::class_<Layer, std::shared_ptr<Layer>>(module, "Layer")
      .def(py::init(&make_layer), py::arg("kind"), py::arg("options"))
      .def("build", &Layer::build, py::arg("input_widths"))
      .def_property_readonly("output_width", &Layer::output_width)
      .def_readwrite("trainable", &Layer::trainable)
      .def("set_random_stream", &Layer::set_random_stream, py::arg("seed"), py::arg("stream"))
      .def("parameters", [](const Layer& layer) { return layer.parameters().all(); })
      .def("get", &get, py::arg("name"))
      .def("set", &set, py::arg("name"), py::arg("value"))
      .def("set_penalty", &set_penalty, py::arg("name"), py::arg("l1"), py::arg("l2"))
      .def("count_nonzero", &count_nonzero, py::arg("name"))
      .def("routing", &routing, py::arg("x"))
      .def("training_load",
           [](Layer& layer) {
             const std::vector<Index>& load = expert_layer(layer).training_load();
             return copy_array<std::int64_t>(load.data(), static_cast<Index>(load.size()));
           })
      .def("reset_training_load", [](Layer& layer) { expert_layer(layer).reset_training_load(); });
}

}  // namespace gatewise
