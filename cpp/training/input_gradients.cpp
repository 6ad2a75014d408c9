#include "training/input_gradients.h"

#include <algorithm>

namespace gatewise {
namespace {

// The slope by one value of the graph, [rows, width] with `stride`; null until a node adds to it.
struct Slope {
  float* data = nullptr;
  Index stride = 0;
};

}  // namespace

void input_gradients(const Network& network, const std::vector<Input>& inputs, Index rows,
                     Index column, const std::vector<float*>& to) {
  require(network.outputs().size() == 1, "input_gradients: expected a network of one output, got ",
          network.outputs().size());
  const int output = network.outputs()[0], count = network.input_count();
  require(output >= count, "input_gradients: expected an output that a layer makes");
  const Index width = network.value_width(output);
  require(column >= 0 && column < width, "output: expected a number from 0 to ", width - 1,
          ", got ", column);
  Run run;
  const Step step{.training = true};
  network.forward(run, inputs.data(), rows, step, std::vector<char>(network.nodes().size(), 0));
  std::vector<Slope> slopes(run.values.size());
  const auto take = [&](int value) {
    Slope& slope = slopes[value];
    slope.stride = round_up(network.value_width(value), kPanelWidth);
    slope.data = run.arena.take_zeroed<float>(rows * slope.stride);
  };
  take(output);
  for (Index i = 0; i < rows; ++i) slopes[output].data[i * slopes[output].stride + column] = 1;
  for (std::size_t number = network.nodes().size(); number-- > 0;) {
    const int own = count + static_cast<int>(number);
    if (!slopes[own].data) continue;
    const Node& node = network.nodes()[number];
    std::vector<Input> gathered;
    std::vector<GradientSlot> slots;
    for (const int value : node.inputs) {
      if (!slopes[value].data) take(value);
      gathered.push_back(run.values[value].rows);
      slots.push_back(
          {.data = slopes[value].data, .stride = slopes[value].stride, .accumulate = true});
    }
    BackwardPass pass;
    pass.inputs = gathered.data();
    pass.output = &run.values[own];
    pass.rows = rows;
    pass.step = step;
    pass.step.occurrence = node.occurrence;
    pass.arena = &run.arena;
    pass.saved = run.saved[number];
    pass.d_output = slopes[own].data;
    pass.d_output_stride = slopes[own].stride;
    pass.d_inputs = slots.data();
    node.layer->backward(pass);
  }
  for (int input = 0; input < count; ++input) {
    if (!to[input]) continue;
    const Index values = network.value_width(input);
    for (Index i = 0; i < rows; ++i) {
      if (slopes[input].data)
        std::copy_n(slopes[input].data + i * slopes[input].stride, values, to[input] + i * values);
      else
        std::fill_n(to[input] + i * values, values, 0.0f);
    }
  }
}

}  // namespace gatewise
