// Networks, datasets and the trainer.
#include <algorithm>

#include "arrays.h"
#include "layers/parameter_values.h"
#include "parameters.h"
#include "training/input_gradients.h"
#include "training/trainer.h"

namespace gatewise {
namespace {

std::shared_ptr<Network> make_network(
    int inputs, const std::vector<std::pair<std::shared_ptr<Layer>, std::vector<int>>>& nodes,
    const std::vector<int>& outputs) {
  std::vector<Node> graph;
  for (const auto& [layer, values] : nodes) graph.push_back({layer, values});
  return std::make_shared<Network>(inputs, std::move(graph), outputs);
}

py::list predict(const Network& network, const py::list& inputs, Index batch_rows) {
  require(static_cast<int>(inputs.size()) == network.input_count(), "x: expected ",
          network.input_count(), " inputs, got ", inputs.size());
  require(batch_rows >= 1, "batch_size: expected at least 1, got ", batch_rows);
  std::vector<Input> rows;
  RowArray first;
  for (int i = 0; i < network.input_count(); ++i) {
    RowArray array = to_rows(inputs[i], "x");
    network.check_input(i, array.input.width, array.input.is_sparse(), "x");
    rows.push_back(array.input);
    if (i == 0)
      first = std::move(array);
    else
      require(array.rows == first.rows, "x: expected inputs with the same row count, got ",
              first.rows, " and ", array.rows);
  }
  py::list results;
  std::vector<float*> outputs;
  for (const int value : network.outputs()) {
    FloatArray output = new_array(first.leading, network.value_width(value));
    outputs.push_back(output.mutable_data());
    results.append(std::move(output));
  }
  const py::gil_scoped_release release;
  for (const Input& input : rows) check_finite(input, first.rows, "x");
  network.predict(rows, first.rows, batch_rows, outputs);
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
    if (bound.data.inputs.empty()) {
      bound.data.num_samples = samples;
      bound.data.rows_per_sample = array.rows / samples;
    }
    require(array.rows == bound.data.num_samples * bound.data.rows_per_sample,
            "x: expected inputs with the same row count, got ",
            bound.data.num_samples * bound.data.rows_per_sample, " and ", array.rows);
    bound.data.inputs.push_back(array.input);
    bound.arrays.push_back(py::reinterpret_borrow<py::object>(object));
  }
  require(!bound.data.inputs.empty(), "x: expected at least one array");
}

Target make_target(const py::handle& object, Index rows, Index rows_per_sample) {
  Target target;
  target.rows_per_sample = rows_per_sample;
  if (py::isinstance<LabelArray>(object)) {
    const auto labels = py::reinterpret_borrow<LabelArray>(object);
    require(labels.size() == rows, "y: expected ", rows, " labels, got ", labels.size());
    target.labels = labels.data();
    const auto [min_label, max_label] = std::minmax_element(target.labels, target.labels + rows);
    target.min_label = *min_label;
    target.max_label = *max_label;
    target.units = 1;
    return target;
  }
  const RowArray array = to_rows(object, "y");
  require(!array.input.is_sparse(), "y: expected a dense array, got a sparse matrix");
  require(array.rows == rows, "y: expected ", rows, " rows, got ", array.rows);
  target.values = array.input.dense.data;
  target.units = array.input.width;
  return target;
}

std::unique_ptr<BoundDataset> make_dataset(const py::list& inputs, const py::list& targets,
                                           const py::list& weights) {
  auto bound = std::make_unique<BoundDataset>();
  add_inputs(*bound, inputs);
  require(weights.size() == targets.size(),
          "sample_weights: expected one array or None for each target");
  const Index rows = bound->data.num_samples * bound->data.rows_per_sample;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    Target target = make_target(targets[i], rows, bound->data.rows_per_sample);
    if (!weights[i].is_none()) {
      const FloatArray values = expect_floats(weights[i], "sample_weight");
      require(values.size() == bound->data.num_samples, "sample_weight: expected ",
              bound->data.num_samples, " weights, got ", values.size());
      target.weights = values.data();
    }
    bound->data.targets.push_back(target);
    bound->arrays.push_back(targets[i]);
    bound->arrays.push_back(weights[i]);
  }
  const py::gil_scoped_release release;
  for (const Input& input : bound->data.inputs) check_finite(input, rows, "x");
  for (const Target& target : bound->data.targets) {
    if (target.values)
      check_finite({.dense = {target.values, target.units}, .width = target.units}, rows, "y");
    if (target.weights)
      check_finite({.dense = {target.weights, 1}, .width = 1}, bound->data.num_samples,
                   "sample_weight");
  }
  return bound;
}

// A registered kind and its options.
using KindConfig = std::pair<std::string, py::dict>;

std::unique_ptr<Trainer> make_trainer(std::shared_ptr<Network> network,
                                      const std::vector<KindConfig>& losses,
                                      const std::vector<float>& weights,
                                      const std::vector<std::vector<KindConfig>>& metrics,
                                      const py::dict& optimizer) {
  require(weights.size() == losses.size() && metrics.size() == losses.size(),
          "Trainer: expected one weight and one list of metrics for each loss");
  require(network != nullptr, "network: expected a Network, got None");
  std::vector<Objective> objectives;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    Objective objective;
    const Options options = to_options(losses[i].second);
    objective.loss = Loss::create(losses[i].first, options);
    options.check_all_read();
    objective.weight = weights[i];
    for (const auto& [kind, settings] : metrics[i])
      objective.metrics.push_back(Metric::create(kind, to_options(settings)));
    objectives.push_back(std::move(objective));
  }
  return std::make_unique<Trainer>(std::move(network), std::move(objectives),
                                   Optimizer::create(to_options(optimizer)));
}

// Claims the layers for reading, so that no other model that shares them is trained meanwhile.
class NetworkReadClaim {
 public:
  explicit NetworkReadClaim(const Network& network) : network_(network) { network_.begin_read(); }
  ~NetworkReadClaim() { network_.end_read(); }
  NetworkReadClaim(const NetworkReadClaim&) = delete;
  NetworkReadClaim& operator=(const NetworkReadClaim&) = delete;

 private:
  const Network& network_;
};

// Returns a dense gradient [rows, width] for each input, also for CSR rows.
py::list compute_input_gradients(const Network& network, const py::list& inputs, Index column) {
  BoundDataset bound;
  add_inputs(bound, inputs);
  require(bound.data.inputs.size() == static_cast<std::size_t>(network.input_count()),
          "x: expected ", network.input_count(), " inputs, got ", bound.data.inputs.size());
  const Index rows = bound.data.num_samples * bound.data.rows_per_sample;
  py::list result;
  std::vector<float*> to;
  for (int i = 0; i < network.input_count(); ++i) {
    const Input& input = bound.data.inputs[i];
    network.check_input(i, input.width, input.is_sparse(), "x");
    FloatArray gradient({rows, input.width});
    to.push_back(gradient.mutable_data());
    result.append(gradient);
  }
  const NetworkReadClaim claim(network);
  {
    const py::gil_scoped_release release;
    for (const Input& input : bound.data.inputs) check_finite(input, rows, "x");
    input_gradients(network, bound.data.inputs, rows, column, to);
  }
  return result;
}

// A trainer has one workspace, so it runs one step at a time.
class StepLock {
 public:
  explicit StepLock(std::atomic<bool>& in_step) : in_step_(in_step) {
    if (in_step_.exchange(true)) throw Busy("step: another step of this trainer is running");
  }
  ~StepLock() { in_step_ = false; }
  StepLock(const StepLock&) = delete;
  StepLock& operator=(const StepLock&) = delete;

 private:
  std::atomic<bool>& in_step_;
};

void check_samples(const IndexArray& samples, const Dataset& data) {
  require(samples.size() >= 1, "samples: expected at least one, got none");
  for (Index i = 0; i < samples.size(); ++i)
    require(samples.data()[i] >= 0 && samples.data()[i] < data.num_samples,
            "samples: expected indices below ", data.num_samples, ", got ", samples.data()[i]);
}

std::vector<double> train_step(Trainer& trainer, const BoundDataset& bound,
                               const py::object& samples) {
  const auto indices = expect_array<IndexArray>(samples, "samples", "int64");
  check_samples(indices, bound.data);
  trainer.check(bound.data);
  const StepLock step_lock(trainer.in_step);
  const py::gil_scoped_release release;
  return trainer.train_step(bound.data, indices.data(), indices.size());
}

std::vector<double> test_step(Trainer& trainer, const BoundDataset& bound,
                              const py::object& samples) {
  const auto indices = expect_array<IndexArray>(samples, "samples", "int64");
  check_samples(indices, bound.data);
  trainer.check(bound.data);
  const StepLock step_lock(trainer.in_step);
  const NetworkReadClaim claim(trainer.network());
  const py::gil_scoped_release release;
  return trainer.test_step(bound.data, indices.data(), indices.size());
}

py::array copy_floats(const AlignedBuffer& buffer) {
  FloatArray result(buffer.size());
  std::copy_n(buffer.data(), buffer.size(), result.mutable_data());
  return result;
}

std::string key(std::size_t layer, const char* what) {
  return "layer" + std::to_string(layer) + "." + what;
}

// Skips slices that a parameter has lost since the trainer was created.
template <typename Visit>
void for_each_slice(LayerState& layer, const Visit& visit) {
  for (std::size_t index = 0; index < layer.slices().size(); ++index)
    for (Index slice = 0; slice < layer.block().at(static_cast<int>(index)).count; ++slice)
      visit(layer.slices()[index][slice]);
}

py::dict get_state(Trainer& trainer) {
  py::dict state;
  state["steps"] = py::array(py::cast(std::vector<std::int64_t>{trainer.steps()}));
  for (std::size_t i = 0; i < trainer.states().size(); ++i) {
    LayerState& layer = *trainer.states()[i];
    std::vector<std::int64_t> steps;
    std::vector<double> penalties;
    for_each_slice(layer, [&](const LayerState::Slice& slice) {
      steps.push_back(slice.steps);
      penalties.push_back(slice.penalty);
    });
    if (steps.empty()) continue;
    state[py::str(key(i, "steps"))] = py::array(py::cast(steps));
    state[py::str(key(i, "penalties"))] = py::array(py::cast(penalties));
    if (layer.first().size() > 0) state[py::str(key(i, "first"))] = copy_floats(layer.first());
    if (layer.second().size() > 0) state[py::str(key(i, "second"))] = copy_floats(layer.second());
  }
  return state;
}

LayerState& state_of(Trainer& trainer, const Layer& layer) {
  for (std::size_t i = 0; i < trainer.layers().size(); ++i)
    if (trainer.layers()[i] == &layer) return *trainer.states()[i];
  fail("moments: expected a layer of the trainer's network");
}

// Optimizer state of one parameter in its natural shape; None for arrays it does not keep.
py::tuple moments(Trainer& trainer, Layer& layer, const std::string& name) {
  LayerState& state = state_of(trainer, layer);
  const Parameter& parameter = layer.parameters().find(name);
  py::tuple result(2);
  AlignedBuffer* buffers[] = {&state.first(), &state.second()};
  for (int i = 0; i < 2; ++i) {
    result[i] = py::none();
    if (buffers[i]->size() == 0) continue;
    FloatArray values(natural_shape(parameter));
    for (Index slice = 0; slice < parameter.count; ++slice)
      read_packed(parameter, buffers[i]->data() + parameter.slice_offset(slice),
                  values.mutable_data() + slice * slice_values(parameter));
    result[i] = std::move(values);
  }
  return result;
}

template <typename Value>
py::array_t<Value, py::array::c_style> state_array(const py::dict& state, const std::string& name,
                                                   Index size) {
  require(state.contains(name), "state: expected a key ", name);
  const auto array = expect_array<py::array_t<Value, py::array::c_style>>(state[py::str(name)],
                                                                          name.c_str(), "state");
  require(array.size() == size, "state: expected ", size, " values in ", name, ", got ",
          array.size());
  return array;
}

Index slice_count(LayerState& layer) {
  Index count = 0;
  for_each_slice(layer, [&](const LayerState::Slice&) { ++count; });
  return count;
}

// Checks that the array fits the buffer and, with `write`, copies it.
void restore(AlignedBuffer& buffer, const py::dict& state, const std::string& name, bool write) {
  if (buffer.size() == 0) return;
  const auto values = state_array<float>(state, name, buffer.size());
  if (write) std::copy_n(values.data(), buffer.size(), buffer.data());
}

void restore_layer(LayerState& layer, const py::dict& state, std::size_t index, bool write) {
  const Index count = slice_count(layer);
  if (count == 0) return;
  const auto steps = state_array<std::int64_t>(state, key(index, "steps"), count);
  const auto penalties = state_array<double>(state, key(index, "penalties"), count);
  for (Index i = 0; i < count; ++i)
    require(steps.data()[i] >= 0, "state: expected step counts >= 0, got ", steps.data()[i]);
  restore(layer.first(), state, key(index, "first"), write);
  restore(layer.second(), state, key(index, "second"), write);
  if (!write) return;
  Index at = 0;
  for_each_slice(layer, [&](LayerState::Slice& slice) {
    slice.steps = steps.data()[at];
    slice.penalty = penalties.data()[at++];
  });
}

// Checks the whole state before it writes any of it.
void set_state(Trainer& trainer, const py::dict& state) {
  const auto steps = state_array<std::int64_t>(state, "steps", 1);
  require(steps.data()[0] >= 0, "state: expected steps >= 0, got ", steps.data()[0]);
  for (const bool write : {false, true})
    for (std::size_t i = 0; i < trainer.states().size(); ++i)
      restore_layer(*trainer.states()[i], state, i, write);
  trainer.set_steps(steps.data()[0]);
}

}  // namespace

void bind_training(py::module_& module) {
  py::class_<Network, std::shared_ptr<Network>>(module, "Network")
      .def(py::init(&make_network), py::arg("num_inputs"), py::arg("nodes"), py::arg("outputs"))
      .def("predict", &predict, py::arg("inputs"), py::arg("batch_rows"));
  module.def("input_gradients", &compute_input_gradients, py::arg("network"), py::arg("inputs"),
             py::arg("column"));
  py::class_<BoundDataset>(module, "Dataset")
      .def(py::init(&make_dataset), py::arg("inputs"), py::arg("targets"),
           py::arg("sample_weights"))
      .def_property_readonly("samples",
                             [](const BoundDataset& bound) { return bound.data.num_samples; });
  py::class_<Trainer>(module, "Trainer")
      .def(py::init(&make_trainer), py::arg("network"), py::arg("losses"), py::arg("loss_weights"),
           py::arg("metrics"), py::arg("optimizer"))
      .def("train_step", &train_step, py::arg("data"), py::arg("samples"))
      .def("test_step", &test_step, py::arg("data"), py::arg("samples"))
      .def_property(
          "learning_rate", [](Trainer& trainer) { return trainer.optimizer().learning_rate; },
          [](Trainer& trainer, double rate) { trainer.optimizer().learning_rate = rate; })
      .def_property_readonly("steps", &Trainer::steps)
      .def("state", &get_state)
      .def("set_state", &set_state, py::arg("state"))
      .def("moments", &moments, py::arg("layer"), py::arg("name"))
      .def("begin_fit",
           [](const Trainer& trainer) {
             trainer.check_trainable();
             trainer.network().begin_fit();
           })
      .def("end_fit", [](const Trainer& trainer) { trainer.network().end_fit(); });
}

}  // namespace gatewise
