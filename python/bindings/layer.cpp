// Layers and their parameters.
#include "layers/layer.h"

#include <algorithm>
#include <limits>

#include "arrays.h"
#include "kernels/sparse_rows.h"
#include "layers/member_rows.h"
#include "layers/parameter_values.h"
#include "layers/sparse_expert.h"
#include "layers/sparse_pack.h"
#include "parameters.h"
#include "training/network.h"

namespace gatewise {

Options to_options(const py::dict& values) {
  Options options;
  for (const auto& [key, value] : values) {
    const auto name = key.cast<std::string>();
    if (py::isinstance<py::bool_>(value))
      options.set(name, value.cast<bool>());
    else if (py::isinstance<py::str>(value))
      options.set(name, value.cast<std::string>());
    else
      options.set(name, value.cast<double>());
  }
  return options;
}

namespace {

std::shared_ptr<Layer> make_layer(const std::string& kind, const py::dict& values) {
  const Options options = to_options(values);
  std::shared_ptr<Layer> layer = Registry<Layer>::create(kind, options);
  options.check_all_read();
  return layer;
}

Index build(Layer& layer, const std::vector<Index>& widths, Index max_values) {
  layer.build(widths, max_values);
  return layer.parameters().values();
}

FloatArray get(Layer& layer, const std::string& name) {
  const ReadClaim claim(layer.access());
  const Parameter& parameter = layer.parameters().find(name);
  require(!parameter.holds_integers(), name,
          ": expected a parameter of numbers, got integers of a kernel; get_stored returns them");
  FloatArray result(natural_shape(parameter));
  float* to = result.mutable_data();
  const GilRelease release;
  read_values(layer.parameters(), parameter, to);
  return result;
}

// The shape of a parameter as it is stored.
std::vector<py::ssize_t> stored_shape(const Parameter& parameter) {
  std::vector<py::ssize_t> shape = natural_shape(parameter);
  if (parameter.is_matrix) shape[shape.size() - 2] = stored_rows(parameter);
  return shape;
}

void check_shape(const Parameter& parameter, const py::array& array,
                 const std::vector<py::ssize_t>& shape) {
  require(std::vector(array.shape(), array.shape() + array.ndim()) == shape, parameter.name,
          ": expected an array of the parameter's shape");
}

void set(Layer& layer, const std::string& name, const py::object& value) {
  const Parameter& parameter = layer.parameters().find(name);
  const FloatArray array = expect_floats(value, name.c_str());
  check_shape(parameter, array, natural_shape(parameter));
  const GilRelease release;
  set_values(layer, parameter, array.data());
}

// NumPy type of a storage; for bfloat16, which NumPy lacks, the bits as uint16.
py::dtype stored_type(Storage storage) {
  switch (storage) {
    case Storage::kBfloat16:
      return py::dtype::of<std::uint16_t>();
    case Storage::kInt8:
      return py::dtype::of<std::int8_t>();
    case Storage::kInt4:  // two codes in a byte
    case Storage::kUint8:
      return py::dtype::of<std::uint8_t>();
    case Storage::kUint16:
      return py::dtype::of<std::uint16_t>();
    case Storage::kInt32:
      return py::dtype::of<std::int32_t>();
    case Storage::kSparse:
      fail("get_stored: expected a parameter with values, got a sparse kernel");
    case Storage::kFloat32:
      break;
  }
  return py::dtype::of<float>();
}

py::array get_stored(Layer& layer, const std::string& name) {
  const ReadClaim claim(layer.access());
  const Parameter& parameter = layer.parameters().find(name);
  py::array result(stored_type(parameter.storage), stored_shape(parameter));
  void* to = result.mutable_data();
  const GilRelease release;
  read_stored(layer.parameters(), parameter, to);
  return result;
}

void check_block_scales(const std::string& name, const py::array& array) {
  const auto* scales = static_cast<const std::uint8_t*>(array.data());
  const auto* end = scales + array.size();
  const auto* bad = std::find_if(scales, end, [](int scale) { return scale > kMaxBlockScale; });
  require(bad == end, name, ": expected scales of blocks from 0 to ", kMaxBlockScale);
}

// The arrays of a dict, which keeps them alive. Throws if one does not fit its parameter, or if
// they are inconsistent.
StoredValues check_stored(Layer& layer, const std::map<std::string, py::array>& arrays) {
  StoredValues values;
  for (const auto& [name, array] : arrays) {
    const Parameter& parameter = layer.parameters().find(name);
    check_shape(parameter, array, stored_shape(parameter));
    require(array.dtype().is(stored_type(parameter.storage)) && is_array<py::array>(array) &&
                (array.flags() & py::array::c_style),
            name, ": expected a C-contiguous, aligned array of the parameter's type");
    if (parameter.storage == Storage::kUint8) check_block_scales(name, array);
    values[name] = array.data();
  }
  layer.check_stored(values);
  return values;
}

void check_stored_arrays(Layer& layer, const std::map<std::string, py::array>& arrays) {
  check_stored(layer, arrays);
}

void set_stored_arrays(Layer& layer, const std::map<std::string, py::array>& arrays) {
  const StoredValues values = check_stored(layer, arrays);
  const GilRelease release;
  set_stored(layer, values);
}

py::dict sparse_to_dict(const SparseArrays& arrays, Index inputs, bool is_csr) {
  const auto array = [](const auto& values, auto type) {
    return copy_array<decltype(type)>(values.data(), static_cast<Index>(values.size()));
  };
  py::array indices = array(arrays.indices, std::int32_t{});
  if (fits_uint16(inputs)) indices = array(arrays.indices, std::uint16_t{});
  py::dict result;
  result["data"] = array(arrays.values, float{}).reshape({arrays.steps(), kPanelWidth});
  result["indices"] = is_csr ? indices.reshape({arrays.steps(), kPanelWidth}) : indices;
  result["panel_offsets"] = array(arrays.offsets, std::int32_t{});
  if (is_csr) result["column_order"] = array(arrays.order, std::int32_t{});
  return result;
}

// Arrays of a kernel in a sparse form, by the parameter names of a compressed layer.
py::dict pack_sparse(const py::object& value, const std::string& form) {
  const FloatArray kernel = expect_floats(value, "kernel");
  require(kernel.ndim() == 2, "kernel: expected (d, u), got ", kernel.ndim(), " axes");
  const PanelShape shape{kernel.shape(0), kernel.shape(1)};
  require(shape.panels() * shape.rows <= std::numeric_limits<std::int32_t>::max(),
          "kernel: expected at most 2^31 - 1 steps of 16 units, got (", shape.rows, ", ",
          shape.cols, ")");
  const bool is_csr = sparse_form_from_name(form) == SparseForm::kCsr;
  SparseArrays arrays;
  {
    const GilRelease release;
    arrays = is_csr ? pack_csr(kernel.data(), shape) : pack_blocks(kernel.data(), shape);
  }
  return sparse_to_dict(arrays, shape.rows, is_csr);
}

void set_penalty(Layer& layer, const std::string& name, float l1, float l2) {
  require(l1 >= 0 && l2 >= 0, "set_penalty: expected l1 >= 0 and l2 >= 0");
  const auto lock = layer.access().lock_for_write();
  Parameter& parameter = layer.parameters().find(name);
  require(!parameter.is_quantized(), "set_penalty: expected a parameter that is trained, got ",
          name, " in ", storage_name(parameter.storage));
  parameter.l1 = l1;
  parameter.l2 = l2;
  ++layer.writes;
}

WeightGroups groups_from_name(const std::string& name) {
  if (name == "none") return WeightGroups::kNone;
  if (name == "input") return WeightGroups::kInputs;
  if (name == "unit") return WeightGroups::kUnits;
  require(name == "block", "groups: expected none, input, unit or block, got ", name);
  return WeightGroups::kBlocks;
}

void set_penalty_groups(Layer& layer, const std::string& name, const std::string& groups) {
  const WeightGroups kind = groups_from_name(groups);
  const auto lock = layer.access().lock_for_write();
  Parameter& parameter = layer.parameters().find(name);
  const bool has_groups = parameter.is_matrix && parameter.layout == Layout::kPanels;
  require(kind == WeightGroups::kNone || has_groups,
          "set_penalty_groups: expected a kernel in panels, got ", name);
  parameter.groups = kind;
  ++layer.writes;
}

void set_keeps_zeros(Layer& layer, const std::string& name, bool keeps_zeros) {
  const auto lock = layer.access().lock_for_write();
  layer.parameters().find(name).keeps_zeros = keeps_zeros;
}

ConstraintKind constraint_from_name(const std::string& name) {
  if (name == "none") return ConstraintKind::kNone;
  if (name == "non_negative") return ConstraintKind::kNonNegative;
  require(name == "norm", "kind: expected none, non_negative or norm, got ", name);
  return ConstraintKind::kNorm;
}

void set_constraint(Layer& layer, const std::string& name, const std::string& kind,
                    std::vector<Index> rows, Index group_rows, bool by_column, float min_norm,
                    float max_norm, float rate) {
  Constraint constraint{.kind = constraint_from_name(kind),
                        .rows = std::move(rows),
                        .group_rows = group_rows,
                        .by_column = by_column,
                        .min_norm = min_norm,
                        .max_norm = max_norm,
                        .rate = rate};
  const auto lock = layer.access().lock_for_write();
  Parameter& parameter = layer.parameters().find(name);
  require(parameter.is_trained(), "set_constraint: expected a parameter that is trained, got ",
          name);
  if (constraint.kind == ConstraintKind::kNorm) {
    std::vector<Index> sorted = constraint.rows;
    std::sort(sorted.begin(), sorted.end());
    bool each_once = static_cast<Index>(sorted.size()) == parameter.shape.rows;
    for (std::size_t i = 0; each_once && i < sorted.size(); ++i)
      each_once = sorted[i] == static_cast<Index>(i);
    require(each_once, "rows: expected each row of ", name, " once");
    require(group_rows >= 1 && parameter.shape.rows % group_rows == 0,
            "group_rows: expected a divisor of ", parameter.shape.rows, ", got ", group_rows);
    require(min_norm >= 0 && max_norm >= min_norm && rate >= 0 && rate <= 1,
            "set_constraint: expected 0 <= min_norm <= max_norm and a rate in [0, 1]");
  }
  parameter.constraint = std::move(constraint);
}

void check_offsets(const IndexArray& offsets, Index num_nonzeros) {
  const Index count = offsets.size();
  require(offsets.ndim() == 1 && count >= 1, "indptr: expected row offsets, got none");
  const std::int64_t* at = offsets.data();
  require(at[0] == 0 && at[count - 1] == num_nonzeros, "indptr: expected offsets from 0 to ",
          num_nonzeros, ", got ", at[0], " to ", at[count - 1]);
  for (Index i = 1; i < count; ++i)
    require(at[i] >= at[i - 1], "indptr: expected offsets that do not decrease, got ", at[i],
            " after ", at[i - 1]);
}

void check_columns(const std::int32_t* columns, Index count, Index width) {
  const Index bad = find_column_outside(columns, count, width);
  if (bad >= 0) fail("indices: expected columns below ", width, ", got ", columns[bad]);
}

SparseExpertLayer& expert_layer(Layer& layer) {
  auto* experts = dynamic_cast<SparseExpertLayer*>(&layer);
  require(experts != nullptr, "routing: expected a sparse_expert layer");
  return *experts;
}

py::tuple routing(Layer& layer, const py::object& x) {
  const SparseExpertLayer& experts = expert_layer(layer);
  const RowArray array = to_layer_rows(layer, x);
  Arena arena;
  RouterRun run;
  const ReadClaim claim(layer.access());
  {
    const GilRelease release;
    check_finite(array.input, array.rows, "x");
    std::vector<Index> index;
    const Input rows = repeat_rows(array.input, 0, array.rows, experts.members(), index);
    run = experts.route(rows, experts.members() * array.rows, arena);
  }
  const Choice& choice = run.choice;
  return py::make_tuple(copy_array<std::int64_t>(choice.offsets, choice.rows + 1),
                        copy_array<std::int32_t>(choice.experts, choice.num_assignments()),
                        copy_array<float>(choice.weights, choice.num_assignments()));
}

SparseMatrix make_sparse_rows(const IndexArray& offsets, const LabelArray& columns,
                              const FloatArray& values, Index width) {
  for (const py::array* array :
       {static_cast<const py::array*>(&offsets), static_cast<const py::array*>(&columns),
        static_cast<const py::array*>(&values)})
    require(is_array<py::array>(*array), "SparseRows: expected aligned arrays");
  check_offsets(offsets, columns.size());
  require(columns.size() == values.size(), "SparseRows: expected as many indices as data values");
  check_columns(columns.data(), columns.size(), width);
  return {offsets, columns, values, width};
}

std::vector<Index>& training_load(Layer& layer) {
  std::vector<Index>* load = layer.training_load();
  require(load, "training_load: expected a layer of experts or of codes");
  return *load;
}

py::array copy_training_load(Layer& layer) {
  const std::vector<Index>& load = training_load(layer);
  return copy_array<std::int64_t>(load.data(), static_cast<Index>(load.size()));
}

void reset_training_load(Layer& layer) {
  std::vector<Index>& load = training_load(layer);
  std::fill(load.begin(), load.end(), 0);
}

void set_output_activation(Layer& layer, const std::string& name) {
  const auto lock = layer.access().lock_for_write();
  layer.set_output_activation(activation_from_name(name));
}

Index count_nonzero_values(Layer& layer, const std::string& name) {
  return count_nonzero(layer.parameters(), layer.parameters().find(name));
}

void bind_parameter(py::module_& module) {
  py::class_<Parameter>(module, "Parameter")
      .def_readonly("name", &Parameter::name)
      .def_property_readonly(
          "shape", [](const Parameter& p) { return py::tuple(py::cast(natural_shape(p))); })
      .def_property_readonly(
          "stored_shape", [](const Parameter& p) { return py::tuple(py::cast(stored_shape(p))); })
      .def_readonly("role", &Parameter::role)
      .def_readonly("per_expert", &Parameter::per_expert)
      .def_property_readonly("storage", [](const Parameter& p) { return storage_name(p.storage); });
}

void bind_sparse(py::module_& module) {
  py::class_<SparseMatrix>(module, "SparseRows")
      .def(py::init(&make_sparse_rows), py::arg("indptr"), py::arg("indices"), py::arg("data"),
           py::arg("width"));
  module.def("pack_sparse", &pack_sparse, py::arg("kernel"), py::arg("form"));
}

using LayerClass = py::class_<Layer, std::shared_ptr<Layer>>;

void bind_values(LayerClass& layer) {
  layer.def("parameters", [](const Layer& of) { return of.parameters().all(); })
      .def("get", &get, py::arg("name"))
      .def("set", &set, py::arg("name"), py::arg("value"))
      .def("get_stored", &get_stored, py::arg("name"))
      .def("check_stored", &check_stored_arrays, py::arg("values"))
      .def("set_stored", &set_stored_arrays, py::arg("values"))
      .def("set_penalty", &set_penalty, py::arg("name"), py::arg("l1"), py::arg("l2"))
      .def("set_penalty_groups", &set_penalty_groups, py::arg("name"), py::arg("groups"))
      .def("set_keeps_zeros", &set_keeps_zeros, py::arg("name"), py::arg("keeps_zeros"))
      .def("set_constraint", &set_constraint, py::arg("name"), py::arg("kind"), py::arg("rows"),
           py::arg("group_rows"), py::arg("by_column"), py::arg("min_norm"), py::arg("max_norm"),
           py::arg("rate"))
      .def("count_nonzero", &count_nonzero_values, py::arg("name"));
}

}  // namespace

void bind_layer(py::module_& module) {
  bind_parameter(module);
  bind_sparse(module);
  LayerClass layer(module, "Layer");
  layer.def(py::init(&make_layer), py::arg("kind"), py::arg("options"))
      .def("build", &build, py::arg("input_widths"), py::arg("max_values") = kMaxFloats)
      .def_property_readonly("output_width", &Layer::output_width)
      .def_readwrite("trainable", &Layer::trainable)
      .def("set_output_activation", &set_output_activation, py::arg("name"))
      .def("set_random_stream", &Layer::set_random_stream, py::arg("seed"), py::arg("stream"))
      .def("routing", &routing, py::arg("x"))
      .def("training_load", &copy_training_load)
      .def("reset_training_load", &reset_training_load);
  bind_values(layer);
}

}  // namespace gatewise
