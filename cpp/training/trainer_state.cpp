#include "training/trainer_state.h"

#include <algorithm>

#include "layers/parameter_values.h"

namespace gatewise {
namespace {

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

Index slice_count(LayerState& layer) {
  Index count = 0;
  for_each_slice(layer, [&](const LayerState::Slice&) { ++count; });
  return count;
}

std::vector<float> copy_of(const AlignedBuffer& buffer) {
  return {buffer.data(), buffer.data() + buffer.size()};
}

template <typename Value>
std::span<const Value> find_array(const std::map<std::string, StateView>& state,
                                  const std::string& name, Index size) {
  const auto found = state.find(name);
  require(found != state.end(), "state: expected a key ", name);
  const auto* values = std::get_if<std::span<const Value>>(&found->second);
  require(values != nullptr, "state: expected the type that was stored in ", name);
  const auto count = static_cast<Index>(values->size());
  require(count == size, "state: expected ", size, " values in ", name, ", got ", count);
  return *values;
}

std::span<const std::int64_t> find_steps(const std::map<std::string, StateView>& state,
                                         const std::string& name, Index size, std::int64_t low = 0,
                                         std::int64_t high = kMaxSteps) {
  const auto steps = find_array<std::int64_t>(state, name, size);
  for (const std::int64_t count : steps)
    require(count >= low && count <= high, "state: expected step counts from ", low, " to ", high,
            " in ", name, ", got ", count);
  return steps;
}

// The arrays of one layer; those it does not have are empty.
struct LayerArrays {
  std::span<const std::int64_t> steps;
  std::span<const double> penalties;
  std::span<const float> first, second, third, average, statistics, gradients;
  std::span<const std::int64_t> average_steps, accumulated;
};

// The float arrays that a layer may have, with their names.
struct FloatArray {
  const char* name;
  AlignedBuffer& (LayerState::*buffer)();
  std::span<const float> LayerArrays::* stored;
};

constexpr FloatArray kFloatArrays[] = {
    {"first_moment", &LayerState::first, &LayerArrays::first},
    {"second_moment", &LayerState::second, &LayerArrays::second},
    {"third_moment", &LayerState::third, &LayerArrays::third},
    {"average", &LayerState::average, &LayerArrays::average},
    {"statistics", &LayerState::statistics, &LayerArrays::statistics},
    {"gradient_sum", &LayerState::accumulated, &LayerArrays::gradients},
};

LayerArrays find_arrays(LayerState& layer, const std::map<std::string, StateView>& state,
                        std::size_t index, std::int64_t steps) {
  LayerArrays arrays;
  const Index count = slice_count(layer);
  if (count == 0) return arrays;
  arrays.steps = find_steps(state, key(index, "steps"), count);
  arrays.penalties = find_array<double>(state, key(index, "penalties"), count);
  for (const FloatArray& each : kFloatArrays)
    if (const Index size = (layer.*each.buffer)().size(); size > 0)
      arrays.*each.stored = find_array<float>(state, key(index, each.name), size);
  if (layer.average().size() > 0)
    arrays.average_steps = find_steps(state, key(index, "average_steps"), count, -1, steps);
  if (layer.accumulated().size() > 0)
    arrays.accumulated = find_steps(state, key(index, "is_accumulated"), count, 0, 1);
  return arrays;
}

void write_layer(LayerState& layer, const LayerArrays& arrays) {
  layer.accept_slices();
  for (const FloatArray& each : kFloatArrays) {
    const auto stored = arrays.*each.stored;
    std::copy(stored.begin(), stored.end(), (layer.*each.buffer)().data());
  }
  std::size_t at = 0;
  for_each_slice(layer, [&](LayerState::Slice& slice) {
    if (!arrays.average_steps.empty()) slice.average_steps = arrays.average_steps[at];
    if (!arrays.accumulated.empty()) slice.touched = arrays.accumulated[at] != 0;
    slice.steps = arrays.steps[at];
    slice.penalty = arrays.penalties[at++];
  });
}

LayerState& state_of(Trainer& trainer, const Layer& layer) {
  for (std::size_t i = 0; i < trainer.layers().size(); ++i)
    if (trainer.layers()[i] == &layer) return *trainer.states()[i];
  fail("moments: expected a layer of the trainer's network");
}

}  // namespace

std::vector<std::pair<std::string, StateArray>> read_state(Trainer& trainer) {
  std::vector<std::pair<std::string, StateArray>> state;
  state.emplace_back("steps", std::vector<std::int64_t>{trainer.steps()});
  if (trainer.optimizer().uses_averages())
    state.emplace_back("averages_are_weights",
                       std::vector<std::int64_t>{trainer.averages_are_weights()});
  for (std::size_t i = 0; i < trainer.states().size(); ++i) {
    LayerState& layer = *trainer.states()[i];
    layer.follow_slices();
    std::vector<std::int64_t> steps, average_steps, accumulated;
    std::vector<double> penalties;
    for_each_slice(layer, [&](const LayerState::Slice& slice) {
      steps.push_back(slice.steps);
      average_steps.push_back(slice.average_steps);
      accumulated.push_back(slice.touched);
      penalties.push_back(slice.penalty);
    });
    if (steps.empty()) continue;
    state.emplace_back(key(i, "steps"), std::move(steps));
    state.emplace_back(key(i, "penalties"), std::move(penalties));
    for (const FloatArray& each : kFloatArrays)
      if (const AlignedBuffer& buffer = (layer.*each.buffer)(); buffer.size() > 0)
        state.emplace_back(key(i, each.name), copy_of(buffer));
    if (layer.average().size() > 0)
      state.emplace_back(key(i, "average_steps"), std::move(average_steps));
    if (layer.accumulated().size() > 0)
      state.emplace_back(key(i, "is_accumulated"), std::move(accumulated));
  }
  return state;
}

void write_state(Trainer& trainer, const std::map<std::string, StateView>& state) {
  const std::int64_t steps = find_steps(state, "steps", 1)[0];
  std::vector<LayerArrays> layers;
  for (std::size_t i = 0; i < trainer.states().size(); ++i)
    layers.push_back(find_arrays(*trainer.states()[i], state, i, steps));
  const bool exchanged = trainer.optimizer().uses_averages() &&
                         find_steps(state, "averages_are_weights", 1, 0, 1)[0] != 0;
  for (std::size_t i = 0; i < layers.size(); ++i) write_layer(*trainer.states()[i], layers[i]);
  trainer.set_steps(steps);
  trainer.set_averages_are_weights(exchanged);
}

std::vector<float> read_moment(Trainer& trainer, const Layer& layer, const Parameter& parameter,
                               int moment) {
  LayerState& state = state_of(trainer, layer);
  state.follow_slices();
  const AlignedBuffer& buffer = moment == 0 ? state.first() : state.second();
  if (buffer.size() == 0) return {};
  std::vector<float> values(static_cast<std::size_t>(parameter.values()));
  for (Index slice = 0; slice < parameter.count; ++slice)
    read_packed(parameter, buffer.data() + parameter.slice_offset(slice),
                values.data() + slice * slice_values(parameter));
  return values;
}

}  // namespace gatewise
