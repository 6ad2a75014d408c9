#include "training/input_gradients.h"

#include <algorithm>

namespace gatewise {
namespace {

// The gradient of one value of the graph, [rows, width] with `stride`; null until a node adds to
// it.
struct Gradient {
  float* data = nullptr;
  Index stride = 0;
};

}  // namespace

void input_gradients(const Network& network, const std::vector<Input>& inputs, Index rows,
                     Index column, const std::vector<float*>& to) {
  require(network.outputs().size() == 1, "input_gradients: expected a network of one output, got ",
          network.outputs().size());
  const int output = network.outputs()[0], count = network.input_count();
  require(output >= count, "input_gradients: expected an output that a layer computes");
  const Index width = network.value_width(output);
  require(column >= 0 && column < width, "output: expected an index from 0 to ", width - 1,
          ", got ", column);
  Run run;
  const Step step{.training = true};
  network.forward(run, inputs.data(), rows, step, std::vector<char>(network.nodes().size(), 0));
  std::vector<Gradient> gradients(run.values.size());
  const auto take = [&](int value) {
    Gradient& gradient = gradients[value];
    gradient.stride = round_up(network.value_width(value), kPanelWidth);
    gradient.data = run.arena.take_zeroed<float>(rows * gradient.stride);
  };
  take(output);
  for (Index i = 0; i < rows; ++i)
    gradients[output].data[i * gradients[output].stride + column] = 1;
  for (std::size_t node_index = network.nodes().size(); node_index-- > 0;) {
    const int node_output = count + static_cast<int>(node_index);
    if (!gradients[node_output].data) continue;
    const Node& node = network.nodes()[node_index];
    std::vector<Input> gathered;
    std::vector<GradientSlot> slots;
    for (const int value : node.inputs) {
      if (!gradients[value].data) take(value);
      gathered.push_back(run.values[value].rows);
      slots.push_back(
          {.data = gradients[value].data, .stride = gradients[value].stride, .accumulate = true});
    }
    BackwardPass pass;
    pass.inputs = gathered.data();
    pass.output = &run.values[node_output];
    pass.rows = rows;
    pass.step = step;
    pass.step.occurrence = node.occurrence;
    pass.arena = &run.arena;
    pass.saved = run.saved[node_index];
    pass.d_output = gradients[node_output].data;
    pass.d_output_stride = gradients[node_output].stride;
    pass.d_inputs = slots.data();
    node.layer->backward(pass);
  }
  for (int input = 0; input < count; ++input) {
    if (!to[input]) continue;
    const Index values = network.value_width(input);
    for (Index i = 0; i < rows; ++i) {
      if (gradients[input].data)
        std::copy_n(gradients[input].data + i * gradients[input].stride, values,
                    to[input] + i * values);
      else
        std::fill_n(to[input] + i * values, values, 0.0f);
    }
  }
}

}  // namespace gatewise
