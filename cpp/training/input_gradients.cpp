#include "training/input_gradients.h"

#include <algorithm>

#include "kernels/rows.h"
#include "layers/member_rows.h"

namespace gatewise {

void input_gradients(const Network& network, const std::vector<Input>& inputs, Index rows,
                     Index column, const std::vector<float*>& to) {
  require(network.outputs().size() == 1, "input_gradients: expected a network of one output, got ",
          network.outputs().size());
  const int output = network.outputs()[0];
  require(network.producer(output) >= 0,
          "input_gradients: expected an output that a layer computes");
  const Index width = network.value_width(output);
  require(column >= 0 && column < width, "output: expected an index from 0 to ", width - 1,
          ", got ", column);
  const ReadClaim claim(network);
  const Index members = network.members();
  require(!network.reads_whole_samples(),
          "input_gradients: expected layers that map each row by itself");
  std::vector<Index> index;
  std::vector<Input> batch = inputs;
  for (Input& input : batch) input = repeat_rows(input, 0, rows, members, index);
  Run run;
  network.forward(run, batch.data(), members * rows, {.training = true, .draws_noise = false});
  const auto take_zeros = [&](int value) {
    ValueGradient& gradient = run.gradients[value];
    gradient = run.take_gradient(value, network.value_width(value));
    std::fill_n(gradient.data, run.samples * gradient.stride, 0.0f);
  };
  for (int input = 0; input < network.input_count(); ++input)
    if (to[input]) take_zeros(input);
  take_zeros(output);
  const ValueGradient& d_y = run.gradients[output];
  const float share = 1.0f / static_cast<float>(members);
  for (Index i = 0; i < run.samples; ++i) d_y.data[i * d_y.stride + column] = share;
  network.backward(run, std::vector<UpdateSink*>(network.nodes().size(), nullptr));
  for (int input = 0; input < network.input_count(); ++input) {
    if (!to[input]) continue;
    const ValueGradient& d_x = run.gradients[input];
    const Index values = network.value_width(input);
    for (Index i = 0; i < run.samples; ++i) {
      const float* from = d_x.data + i * d_x.stride;
      float* sum = to[input] + i % rows * values;
      if (i < rows)
        std::copy_n(from, values, sum);
      else
        add_scaled(from, 1.0f, sum, values);
    }
  }
}

}  // namespace gatewise
