#include "training/network.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels/finite.h"
#include "kernels/rows.h"
#include "layers/member_rows.h"

namespace gatewise {

Network::Network(int inputs, std::vector<Node> nodes, std::vector<int> outputs)
    : inputs_(inputs), nodes_(std::move(nodes)), outputs_(std::move(outputs)) {
  require(inputs_ >= 1, "Network: expected at least one input, got ", inputs_);
  require(!outputs_.empty(), "Network: expected at least one output");
  widths_.assign(static_cast<std::size_t>(inputs_) + nodes_.size(), 0);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    require(nodes_[node].layer != nullptr, "Network: expected layers, got None");
    Layer& layer = *nodes_[node].layer;
    const int node_output = inputs_ + static_cast<int>(node);
    require(layer.is_built(), "Network: a layer is not built");
    require(nodes_[node].inputs.size() == layer.input_widths().size(),
            "Network: expected as many inputs as the layer was built for");
    for (std::size_t at = 0; at < nodes_[node].inputs.size(); ++at) {
      const int value = nodes_[node].inputs[at];
      const Index width = layer.input_widths()[at];
      require(value >= 0 && value < node_output,
              "Network: expected inputs of a node that are computed before it");
      if (widths_[value] == 0) widths_[value] = width;
      require(widths_[value] == width, "Network: expected rows of ", width, " values, got ",
              widths_[value]);
    }
    widths_[node_output] = layer.output_width();
    if (layer.members() > 1) {
      require(members_ == 1 || members_ == layer.members(),
              "members: expected the same count in all layers of a model, got ", members_, " and ",
              layer.members());
      members_ = layer.members();
    }
    for (std::size_t earlier = 0; earlier < node; ++earlier)
      nodes_[node].occurrence += nodes_[earlier].layer == nodes_[node].layer;
    if (nodes_[node].occurrence == 0) layers_.push_back(&layer);
    reads_whole_samples_ |= layer.reads_whole_samples();
  }
  for (const int value : outputs_)
    require(value >= 0 && value < static_cast<int>(widths_.size()) && widths_[value] > 0,
            "Network: expected outputs that are values of the graph, got ", value);
}

void Network::check_input(int index, const Input& input, const char* name) const {
  require(widths_[index] == 0 || widths_[index] == input.width, name, ": expected rows of ",
          widths_[index], " values, got ", input.width);
  if (!input.is_sparse() && !input.is_integer()) return;
  const char* kind = input.is_sparse() ? "a sparse matrix" : "integers";
  require(std::find(outputs_.begin(), outputs_.end(), index) == outputs_.end(), name,
          ": expected dense rows, got ", kind, " for an input that is an output");
  for (const Node& node : nodes_)
    for (const int value : node.inputs) {
      if (value != index) continue;
      require(!input.is_sparse() || node.layer->reads_sparse(), name,
              ": expected dense rows, got a sparse matrix: only a Dense or SparseExpertLayer that "
              "comes first reads sparse rows");
      require(!input.is_integer() || node.layer->reads_integers(), name,
              ": expected float32 rows, got integers: only an Embedding that comes first reads "
              "integers");
    }
}

ValueGradient Run::take_gradient(int value, Index width) {
  const Index stride = round_up(width, kPanelWidth);
  return {arena.take<float>(values[value].count * stride), stride};
}

namespace {

// Row i of each output is that of row i of all inputs, but for layers that read whole samples.
void check_row_counts(const Layer& layer, const std::vector<Index>& rows) {
  if (layer.reads_whole_samples()) return;
  for (const Index each : rows)
    require(each == rows[0], "inputs of a layer: expected as many rows in each, got ", rows[0],
            " and ", each);
}

}  // namespace

void Network::forward(Run& run, const Input* inputs, Index samples, const Step& step,
                      const Index* rows_per_sample) const {
  run.arena.reset();
  run.samples = samples;
  run.step = step;
  run.loss = 0;
  run.values.resize(widths_.size());
  run.saved.resize(nodes_.size());
  run.gradients.assign(widths_.size(), ValueGradient{});
  for (int input = 0; input < inputs_; ++input) {
    run.values[input] = Output{};
    run.values[input].rows = inputs[input];
    run.values[input].count = samples * (rows_per_sample ? rows_per_sample[input] : 1);
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    run.node_inputs.clear();
    run.node_input_rows.clear();
    for (const int value : nodes_[node].inputs) {
      run.node_inputs.push_back(run.values[value].rows);
      run.node_input_rows.push_back(run.values[value].count);
    }
    check_row_counts(*nodes_[node].layer, run.node_input_rows);
    ForwardPass pass;
    pass.inputs = run.node_inputs.data();
    pass.input_rows = run.node_input_rows.data();
    pass.rows = pass.output.count = run.node_input_rows[0];
    pass.samples = samples;
    pass.step = step;
    pass.step.occurrence = nodes_[node].occurrence;
    pass.arena = &run.arena;
    pass.skip_activation = skips_activation(run, node);
    if (!run.expected.empty()) pass.expected = &run.expected[inputs_ + node];
    nodes_[node].layer->forward(pass);
    run.values[inputs_ + node] = pass.output;
    run.saved[node] = pass.saved;
    run.loss += pass.loss;
  }
}

void Network::backward(Run& run, const std::vector<UpdateSink*>& sinks) const {
  find_needed_gradients(run, sinks);
  for (std::size_t node = nodes_.size(); node-- > 0;) {
    const std::size_t value = static_cast<std::size_t>(inputs_) + node;
    if (run.needs_gradient[value] && run.gradients[value].data)
      backward_node(run, node, sinks[node]);
  }
}

// A value needs its gradient if a trained layer, or an input that needs it, comes before it.
void Network::find_needed_gradients(Run& run, const std::vector<UpdateSink*>& sinks) const {
  run.needs_gradient.assign(widths_.size(), 0);
  for (int input = 0; input < inputs_; ++input)
    run.needs_gradient[input] = run.gradients[input].data != nullptr;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    char needs = sinks[node] && nodes_[node].layer->parameters().size() > 0;
    for (const int value : nodes_[node].inputs) needs |= run.needs_gradient[value];
    run.needs_gradient[inputs_ + node] = needs;
  }
}

void Network::backward_node(Run& run, std::size_t node, UpdateSink* sink) const {
  run.node_inputs.clear();
  run.node_input_rows.clear();
  run.node_slots.clear();
  for (const int value : nodes_[node].inputs) {
    run.node_inputs.push_back(run.values[value].rows);
    run.node_input_rows.push_back(run.values[value].count);
    GradientSlot slot;
    if (run.needs_gradient[value]) {
      ValueGradient& gradient = run.gradients[value];
      // A layer that reads one value twice adds its second gradient to its first.
      slot.accumulate = gradient.data != nullptr;
      if (!gradient.data) gradient = run.take_gradient(value, widths_[value]);
      slot.data = gradient.data;
      slot.stride = gradient.stride;
    }
    run.node_slots.push_back(slot);
  }
  const std::size_t node_output = static_cast<std::size_t>(inputs_) + node;
  BackwardPass pass;
  pass.inputs = run.node_inputs.data();
  pass.input_rows = run.node_input_rows.data();
  pass.output = &run.values[node_output];
  pass.rows = run.node_input_rows[0];
  pass.samples = run.samples;
  pass.step = run.step;
  pass.step.occurrence = nodes_[node].occurrence;
  pass.arena = &run.arena;
  pass.skip_activation = skips_activation(run, node);
  pass.saved = run.saved[node];
  pass.d_output = run.gradients[node_output].data;
  pass.d_output_stride = run.gradients[node_output].stride;
  pass.d_inputs = run.node_slots.data();
  pass.sink = sink;
  nodes_[node].layer->backward(pass);
}

Index find_nonfinite_parallel(const float* x, Index count) {
  constexpr Index kChunk = 1 << 14;
  std::atomic<Index> first{count};
  parallel_for(ceil_divide(count, kChunk), kChunk, [&](Index begin, Index end) {
    for (Index start = begin * kChunk; start < std::min(end * kChunk, first.load());
         start += kChunk) {
      const Index at = find_nonfinite(x + start, std::min(kChunk, count - start));
      if (at < 0) continue;
      Index known = first;
      while (start + at < known && !first.compare_exchange_weak(known, start + at)) {
      }
    }
  });
  return first < count ? first.load() : -1;
}

void check_finite(const Input& x, Index rows, const char* name) {
  if (x.is_integer()) return;
  const auto find = [&](Index row) {
    if (!x.is_sparse()) return find_nonfinite(x.dense.row(row), x.width);
    const Index begin = x.sparse.begin(row);
    return find_nonfinite(x.sparse.values + begin, x.sparse.end(row) - begin);
  };
  std::atomic<Index> first{rows};
  parallel_for(rows, static_cast<double>(x.width), [&](Index begin, Index end) {
    for (Index row = begin; row < end && row < first; ++row) {
      if (find(row) < 0) continue;
      Index known = first;
      while (row < known && !first.compare_exchange_weak(known, row)) {
      }
    }
  });
  if (first == rows) return;
  const Index row = first, at = find(row);
  const Index index = x.is_sparse() ? x.sparse.begin(row) + at : at;
  const float value = x.is_sparse() ? x.sparse.values[index] : x.dense.row(row)[at];
  const Index column = x.is_sparse() ? x.sparse.columns[index] : at;
  const char* what = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  fail(name, ": expected finite numbers, got ", what, " at row ", row, ", column ", column);
}

namespace {

// to [rows, width] = x. Threads split the rows, so that each reads those it computed: memory that
// another thread has read is slow to write the next time (at times 12 ns a line, 0.2 of the 1.0
// ms of a product; two virtual cores, Zen 5).
void copy_rows(const Input& x, Index rows, float* to) {
  parallel_for(rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) std::copy_n(x.dense.row(i), x.width, to + i * x.width);
  });
}

}  // namespace

void average_members(const Input& y, Index rows, Index members, float* to, Index stride) {
  const float share = 1.0f / static_cast<float>(members);
  parallel_for(rows, static_cast<double>(2 * members * y.width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* mean = to + i * stride;
      std::copy_n(y.dense.row(i), y.width, mean);
      for (Index m = 1; m < members; ++m)
        add_scaled(y.dense.row(m * rows + i), 1.0f, mean, y.width);
      for (Index j = 0; j < y.width; ++j) mean[j] *= share;
    }
  });
}

void Network::predict(const std::vector<Input>& inputs, Index samples, Index batch_samples,
                      const std::vector<float*>& outputs, const Index* rows_per_sample) const {
  const ReadClaim claim(*this);
  IdlePool<Run>::Loan loan(runs_);
  Run& run = *loan;
  std::vector<Input> batch(inputs.size());
  std::vector<std::vector<Index>> index(inputs.size());
  for (Index start = 0; start < samples; start += batch_samples) {
    poll_interrupt();
    const Index count = std::min(batch_samples, samples - start);
    for (std::size_t at = 0; at < inputs.size(); ++at) {
      const Index each = rows_per_sample ? rows_per_sample[at] : 1;
      batch[at] = repeat_rows(inputs[at], start * each, count * each, members_, index[at]);
    }
    run.standby.run([&] {
      forward(run, batch.data(), members_ * count, Step{}, rows_per_sample);
      for (std::size_t at = 0; at < outputs_.size(); ++at) {
        const Index width = widths_[outputs_[at]];
        const Output& y = run.values[outputs_[at]];
        const Index rows = y.count / members_;
        float* to = outputs[at] + start * (rows / count) * width;
        if (members_ > 1)
          average_members(y.rows, rows, members_, to, width);
        else
          copy_rows(y.rows, rows, to);
      }
    });
  }
  Index parameters = 0;
  for (const Layer* layer : layers_) parameters += layer->parameters().size();
  if (run.arena.bytes() > kept_bytes(parameters)) loan.drop();
}

void Network::begin_read() const {
  std::size_t begun = 0;
  try {
    for (; begun < layers_.size(); ++begun) layers_[begun]->access().begin_read();
  } catch (...) {
    while (begun > 0) layers_[--begun]->access().end_read();
    throw;
  }
}

void Network::end_read() const {
  for (Layer* layer : layers_) layer->access().end_read();
}

void Network::begin_fit() const {
  std::size_t begun = 0;
  try {
    for (; begun < layers_.size(); ++begun) layers_[begun]->access().begin_fit();
  } catch (...) {
    while (begun > 0) layers_[--begun]->access().end_fit();
    throw;
  }
}

void Network::end_fit() const {
  for (Layer* layer : layers_) layer->access().end_fit();
}

}  // namespace gatewise
