// Networks, datasets and the trainer.
#include "arrays.h"
#include "functions.h"
#include "parameters.h"
#include "targets.h"
#include "training/input_gradients.h"
#include "training/trainer_state.h"

namespace gatewise {
namespace {

std::shared_ptr<Network> make_network(
    int inputs, const std::vector<std::pair<std::shared_ptr<Layer>, std::vector<int>>>& nodes,
    const std::vector<int>& outputs) {
  std::vector<Node> graph;
  for (const auto& [layer, values] : nodes) graph.push_back({layer, values});
  return std::make_shared<Network>(inputs, std::move(graph), outputs);
}

// Rows of all inputs of a network, with the leading axes of the first. What is computed by itself
// is a row or, where row counts differ or layers read whole samples, a sample.
struct InputArrays {
  std::vector<Input> inputs;
  std::vector<Index> rows;  // of each input
  Index samples = 0;
  std::vector<py::ssize_t> leading;
  bool has_whole_samples = false;
  std::vector<Index> rows_per_sample;  // of each input, if samples are whole

  Index units() const { return has_whole_samples ? samples : rows[0]; }
  // For `Network::predict`: null if each unit is a row.
  const Index* rows_per_unit() const {
    return has_whole_samples ? rows_per_sample.data() : nullptr;
  }
};

InputArrays to_inputs(const Network& network, const py::list& objects) {
  const auto count = static_cast<int>(objects.size());
  require(count == network.input_count(), "x: expected ", network.input_count(), " inputs, got ",
          count);
  InputArrays result;
  for (int i = 0; i < count; ++i) {
    RowArray array = to_rows(objects[i], "x");
    network.check_input(i, array.input, "x");
    const Index samples = array.leading[0];
    if (i == 0) {
      result.samples = samples;
      result.leading = std::move(array.leading);
    }
    require(samples == result.samples, "x: expected inputs with the same sample count, got ",
            result.samples, " and ", samples);
    result.inputs.push_back(array.input);
    result.rows.push_back(array.rows);
    result.has_whole_samples |= array.rows != result.rows[0];
  }
  result.has_whole_samples |= network.reads_whole_samples();
  if (result.has_whole_samples)
    for (const Index rows : result.rows)
      result.rows_per_sample.push_back(rows / std::max<Index>(result.samples, 1));
  return result;
}

// An output of `network` for x, uninitialized: with the leading axes of the first input or, where
// samples are read whole, `shape` after the samples' axis.
FloatArray new_output(const Network& network, std::size_t output, const InputArrays& x,
                      const py::sequence& shapes) {
  const Index width = network.value_width(network.outputs()[output]);
  if (!x.has_whole_samples) return new_array(x.leading, width);
  std::vector<py::ssize_t> shape;
  if (output < shapes.size()) shape = shapes[output].cast<std::vector<py::ssize_t>>();
  require(!shape.empty() && shape.back() == width,
          "shapes: expected the shape of a sample of each output, which ends with its width");
  shape.insert(shape.begin(), x.samples);
  return FloatArray(shape);
}

// `checked`: the caller knows that all values are finite. `shapes`: of a sample of each output, for
// a network that reads whole samples.
py::list predict(const Network& network, const py::list& inputs, Index batch_rows, bool checked,
                 const py::sequence& shapes) {
  require(batch_rows >= 1, "batch_size: expected at least 1, got ", batch_rows);
  const InputArrays x = to_inputs(network, inputs);
  py::list results;
  std::vector<float*> outputs;
  for (std::size_t output = 0; output < network.outputs().size(); ++output) {
    FloatArray array = new_output(network, output, x, shapes);
    outputs.push_back(array.mutable_data());
    results.append(std::move(array));
  }
  const GilRelease release;
  if (!checked)
    for (std::size_t i = 0; i < x.inputs.size(); ++i) check_finite(x.inputs[i], x.rows[i], "x");
  network.predict(x.inputs, x.units(), batch_rows, outputs, x.rows_per_unit());
  return results;
}

// Returns a dense gradient [rows, width] for each input, also for CSR rows.
py::list compute_input_gradients(const Network& network, const py::list& inputs, Index column) {
  const InputArrays x = to_inputs(network, inputs);
  py::list results;
  std::vector<float*> to;
  for (const Input& input : x.inputs) {
    FloatArray gradient({x.rows[0], input.width});
    to.push_back(gradient.mutable_data());
    results.append(std::move(gradient));
  }
  const GilRelease release;
  for (const Input& input : x.inputs) check_finite(input, x.rows[0], "x");
  require(!x.has_whole_samples, "input_gradients: expected layers that map each row by itself");
  input_gradients(network, x.inputs, x.rows[0], column, to);
  return results;
}

// A dataset that keeps its arrays alive.
struct BoundDataset {
  Dataset data;
  std::vector<py::object> arrays;
};

void add_inputs(BoundDataset& bound, const py::list& inputs) {
  for (const py::handle& object : inputs) {
    const RowArray array = to_rows(object, "x");
    const Index samples = array.leading[0];
    require(array.rows >= 1 && array.input.width >= 1,
            "x: expected at least one row of at least one value, got none");
    if (bound.data.inputs.empty()) bound.data.num_samples = samples;
    require(samples == bound.data.num_samples,
            "x: expected inputs with the same sample count, got ", bound.data.num_samples, " and ",
            samples);
    bound.data.inputs.push_back(array.input);
    bound.data.rows_per_sample.push_back(array.rows / samples);
    bound.arrays.push_back(py::reinterpret_borrow<py::object>(object));
  }
  require(!bound.data.inputs.empty(), "x: expected at least one array");
}

// Gives a target its weights, one for each sample or each row; none for None.
void set_weights(const py::handle& object, const Dataset& data, Target& target) {
  if (object.is_none()) return;
  const FloatArray values = expect_floats(object, "sample_weight");
  const Index rows = data.num_samples * target.rows_per_sample;
  require(values.size() == data.num_samples || values.size() == rows, "sample_weight: expected ",
          data.num_samples, " weights, got ", values.size());
  target.weights = values.data();
  target.rows_per_weight = rows / values.size();
}

std::unique_ptr<BoundDataset> make_dataset(const py::list& inputs, const py::list& targets,
                                           const py::list& weights, bool checked) {
  auto bound = std::make_unique<BoundDataset>();
  add_inputs(*bound, inputs);
  require(weights.size() == targets.size(),
          "sample_weights: expected one array or None for each target");
  Dataset& data = bound->data;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    data.targets.push_back(make_target(targets[i], data.num_samples, "y"));
    set_weights(weights[i], data, data.targets.back());
    bound->arrays.push_back(targets[i]);
    bound->arrays.push_back(weights[i]);
  }
  const GilRelease release;
  if (!checked) check_finite(data);
  return bound;
}

// A registered kind and its options.
using KindConfig = std::pair<std::string, py::dict>;

// A kind or a function, and its options.
using LossConfig = std::pair<py::object, py::dict>;

std::unique_ptr<Loss> make_loss(const LossConfig& config) {
  const auto& [kind, options] = config;
  if (py::isinstance<py::str>(kind))
    return Loss::create(kind.cast<std::string>(), to_options(options));
  return make_function_loss(kind, to_options(options).text_or("reduction", "sum_over_batch_size"));
}

std::unique_ptr<Trainer> make_trainer(std::shared_ptr<Network> network,
                                      const std::vector<LossConfig>& losses,
                                      const std::vector<float>& weights,
                                      const std::vector<std::vector<KindConfig>>& metrics,
                                      const py::dict& optimizer, bool mean_over_counted,
                                      const std::vector<bool>& recorded) {
  require(weights.size() == losses.size() && metrics.size() == losses.size(),
          "Trainer: expected one weight and one list of metrics for each loss");
  require(network != nullptr, "network: expected a Network, got None");
  std::vector<Objective> objectives;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    Objective objective;
    objective.loss = make_loss(losses[i]);
    objective.weight = weights[i];
    if (i < recorded.size() && recorded[i]) objective.record = std::make_unique<StepRecord>();
    for (const auto& [kind, settings] : metrics[i])
      objective.metrics.push_back(Metric::create(kind, to_options(settings)));
    objectives.push_back(std::move(objective));
  }
  return std::make_unique<Trainer>(std::move(network), std::move(objectives),
                                   Optimizer::create(to_options(optimizer)), mean_over_counted);
}

std::vector<double> train_step(Trainer& trainer, const BoundDataset& bound,
                               const py::object& samples) {
  const auto indices = expect_array<IndexArray>(samples, "samples", "int64");
  const GilRelease release;
  return trainer.train_step(bound.data, indices.data(), indices.size());
}

std::vector<double> test_step(Trainer& trainer, const BoundDataset& bound,
                              const py::object& samples) {
  const auto indices = expect_array<IndexArray>(samples, "samples", "int64");
  const GilRelease release;
  return trainer.test_step(bound.data, indices.data(), indices.size());
}

// (y_true, y_pred, sample_weight) of the rows of the last step; None for no weights.
py::tuple get_record(const Trainer& trainer, std::size_t output) {
  const StepRecord& record = trainer.record(output);
  const auto rows_of = [&](const std::vector<float>& values, Index units) {
    return copy_array<float>(values.data(), record.rows * units).reshape({record.rows, units});
  };
  py::object targets = record.labels.empty()
                           ? py::object(rows_of(record.values, record.target_units))
                           : copy_array<std::int32_t>(record.labels.data(), record.rows);
  py::object weights = py::none();
  if (!record.weights.empty()) weights = copy_array<float>(record.weights.data(), record.rows);
  return py::make_tuple(targets, rows_of(record.predictions, record.units), weights);
}

// A NumPy array that owns the vector.
template <typename Value>
py::array_t<Value> move_to_array(std::vector<Value> values) {
  auto owned = std::make_unique<std::vector<Value>>(std::move(values));
  const auto* data = owned.get();
  const py::capsule owner(owned.release(),
                          [](void* vector) { delete static_cast<std::vector<Value>*>(vector); });
  return py::array_t<Value>(static_cast<Index>(data->size()), data->data(), owner);
}

py::dict get_state(Trainer& trainer) {
  std::vector<std::pair<std::string, StateArray>> state;
  {
    const GilRelease release;
    state = read_state(trainer);
  }
  const auto to_array = [](auto& values) -> py::array { return move_to_array(std::move(values)); };
  py::dict result;
  for (auto& [name, values] : state) result[py::str(name)] = std::visit(to_array, values);
  return result;
}

template <typename Value>
std::span<const Value> view_of(const py::array& array) {
  return {static_cast<const Value*>(array.data()), static_cast<std::size_t>(array.size())};
}

StateView view_state(const std::string& name, const py::array& array) {
  if (is_array<IndexArray>(array)) return view_of<std::int64_t>(array);
  if (is_array<py::array_t<double, py::array::c_style>>(array)) return view_of<double>(array);
  if (is_array<FloatArray>(array)) return view_of<float>(array);
  throw py::type_error(name + ": expected a C-contiguous, aligned int64, float64 or float32 array");
}

void set_state(Trainer& trainer, const std::map<std::string, py::array>& arrays) {
  std::map<std::string, StateView> state;
  for (const auto& [name, array] : arrays) state[name] = view_state(name, array);
  const GilRelease release;
  write_state(trainer, state);
}

// Optimizer state of one parameter in its natural shape; None for arrays it does not keep.
py::tuple moments(Trainer& trainer, Layer& layer, const std::string& name) {
  const Parameter& parameter = layer.parameters().find(name);
  py::tuple result(2);
  for (int moment = 0; moment < 2; ++moment) {
    std::vector<float> values = read_moment(trainer, layer, parameter, moment);
    result[moment] = py::none();
    if (!values.empty())
      result[moment] = move_to_array(std::move(values)).reshape(natural_shape(parameter));
  }
  return result;
}

void begin_fit(const Trainer& trainer) {
  trainer.check_trainable();
  trainer.network().begin_fit();
}

void bind_network(py::module_& module) {
  py::class_<Network, std::shared_ptr<Network>>(module, "Network")
      .def(py::init(&make_network), py::arg("num_inputs"), py::arg("nodes"), py::arg("outputs"))
      .def_property_readonly("reads_whole_samples", &Network::reads_whole_samples)
      .def("predict", &predict, py::arg("inputs"), py::arg("batch_rows"),
           py::arg("checked") = false, py::arg("shapes") = std::vector<std::vector<py::ssize_t>>{});
  module.def("input_gradients", &compute_input_gradients, py::arg("network"), py::arg("inputs"),
             py::arg("column"));
}

void bind_dataset(py::module_& module) {
  py::class_<BoundDataset>(module, "Dataset")
      .def(py::init(&make_dataset), py::arg("inputs"), py::arg("targets"),
           py::arg("sample_weights"), py::arg("checked") = false)
      .def_property_readonly("samples",
                             [](const BoundDataset& bound) { return bound.data.num_samples; });
}

}  // namespace

void bind_training(py::module_& module) {
  bind_network(module);
  bind_dataset(module);
  py::class_<Trainer>(module, "Trainer")
      .def(py::init(&make_trainer), py::arg("network"), py::arg("losses"), py::arg("loss_weights"),
           py::arg("metrics"), py::arg("optimizer"), py::arg("mean_over_counted") = false,
           py::arg("recorded") = std::vector<bool>())
      .def("record", &get_record, py::arg("output"))
      .def("train_step", &train_step, py::arg("data"), py::arg("samples"))
      .def("test_step", &test_step, py::arg("data"), py::arg("samples"))
      .def_property(
          "learning_rate", [](Trainer& trainer) { return trainer.optimizer().learning_rate; },
          [](Trainer& trainer, double rate) { trainer.optimizer().learning_rate = rate; })
      .def_property_readonly("steps", &Trainer::steps)
      .def_property_readonly("averages_are_weights", &Trainer::averages_are_weights)
      .def("swap_averages", &Trainer::swap_averages, py::call_guard<GilRelease>())
      .def("keep_averages", &Trainer::keep_averages, py::call_guard<GilRelease>())
      .def("state", &get_state)
      .def("set_state", &set_state, py::arg("state"))
      .def("moments", &moments, py::arg("layer"), py::arg("name"))
      .def("begin_fit", &begin_fit)
      .def("end_fit", [](const Trainer& trainer) { trainer.network().end_fit(); });
}

}  // namespace gatewise
