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
                                         const std::string& name, Index size) {
  const auto steps = find_array<std::int64_t>(state, name, size);
  for (const std::int64_t count : steps)
    require(count >= 0 && count <= kMaxSteps, "state: expected step counts from 0 to ", kMaxSteps,
            " in ", name, ", got ", count);
  return steps;
}

// The arrays of one layer; those it does not have are empty.
struct LayerArrays {
  std::span<const std::int64_t> steps;
  std::span<const double> penalties;
  std::span<const float> first, second, third;
};

LayerArrays find_arrays(LayerState& layer, const std::map<std::string, StateView>& state,
                        std::size_t index) {
  LayerArrays arrays;
  const Index count = slice_count(layer);
  if (count == 0) return arrays;
  arrays.steps = find_steps(state, key(index, "steps"), count);
  arrays.penalties = find_array<double>(state, key(index, "penalties"), count);
  if (const Index size = layer.first().size(); size > 0)
    arrays.first = find_array<float>(state, key(index, "first_moment"), size);
  if (const Index size = layer.second().size(); size > 0)
    arrays.second = find_array<float>(state, key(index, "second_moment"), size);
  if (const Index size = layer.third().size(); size > 0)
    arrays.third = find_array<float>(state, key(index, "third_moment"), size);
  return arrays;
}

void write_layer(LayerState& layer, const LayerArrays& arrays) {
  layer.accept_slices();
  std::copy(arrays.first.begin(), arrays.first.end(), layer.first().data());
  std::copy(arrays.second.begin(), arrays.second.end(), layer.second().data());
  std::copy(arrays.third.begin(), arrays.third.end(), layer.third().data());
  std::size_t at = 0;
  for_each_slice(layer, [&](LayerState::Slice& slice) {
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
  for (std::size_t i = 0; i < trainer.states().size(); ++i) {
    LayerState& layer = *trainer.states()[i];
    layer.follow_slices();
    std::vector<std::int64_t> steps;
    std::vector<double> penalties;
    for_each_slice(layer, [&](const LayerState::Slice& slice) {
      steps.push_back(slice.steps);
      penalties.push_back(slice.penalty);
    });
    if (steps.empty()) continue;
    state.emplace_back(key(i, "steps"), std::move(steps));
    state.emplace_back(key(i, "penalties"), std::move(penalties));
    if (layer.first().size() > 0)
      state.emplace_back(key(i, "first_moment"), copy_of(layer.first()));
    if (layer.second().size() > 0)
      state.emplace_back(key(i, "second_moment"), copy_of(layer.second()));
    if (layer.third().size() > 0)
      state.emplace_back(key(i, "third_moment"), copy_of(layer.third()));
  }
  return state;
}

void write_state(Trainer& trainer, const std::map<std::string, StateView>& state) {
  const std::int64_t steps = find_steps(state, "steps", 1)[0];
  std::vector<LayerArrays> layers;
  for (std::size_t i = 0; i < trainer.states().size(); ++i)
    layers.push_back(find_arrays(*trainer.states()[i], state, i));
  for (std::size_t i = 0; i < layers.size(); ++i) write_layer(*trainer.states()[i], layers[i]);
  trainer.set_steps(steps);
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
