// An acyclic graph of layers, run forward and backward over batches of rows.
//
// Values 0 .. inputs - 1 are the inputs; node i computes value inputs + i. A value has one or more
// rows for each sample, which are consecutive; layers that read whole samples may change how many.
// With layers of M members, an ensemble, there are M times the samples of the data: all rows for
// member 0, then all for member 1, and so on. Predictions are means over the members.
#pragma once

#include <memory>
#include <vector>

#include "core/idle_pool.h"
#include "core/parallel.h"
#include "layers/layer.h"

namespace gatewise {

struct Node {
  std::shared_ptr<Layer> layer;
  std::vector<int> inputs;       // values, all computed before
  std::uint64_t occurrence = 0;  // count of earlier nodes with the same layer; set by Network
};

// Gradient of one value, [rows, width] with `stride`; data is null until something is added to it.
struct ValueGradient {
  float* data = nullptr;
  Index stride = 0;
};

// One pass through a network: every value, and what each node keeps for its backward. Memory is
// kept from pass to pass.
struct Run {
  Standby standby;
  Arena arena;
  std::vector<Output> values;
  std::vector<void*> saved;              // by node
  std::vector<ValueGradient> gradients;  // by value; none after a forward
  Step step;
  double loss = 0;  // of the layers themselves
  Index samples = 0;

  // Set by a training before its first forward; empty otherwise.
  std::vector<char> skip_activation;  // by node: whether the loss computes its last activation
  std::vector<Expected> expected;     // by value

  // Of the current node.
  std::vector<Input> node_inputs;
  std::vector<Index> node_input_rows;
  std::vector<GradientSlot> node_slots;
  std::vector<char> needs_gradient;  // by value

  // Allocates a gradient for the rows of a value, of `width` values each.
  ValueGradient take_gradient(int value, Index width);
};

class Network {
 public:
  Network(int inputs, std::vector<Node> nodes, std::vector<int> outputs);

  int input_count() const { return inputs_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int>& outputs() const { return outputs_; }
  Index value_width(int value) const { return widths_[value]; }
  Index members() const { return members_; }
  // Whether a layer reads several rows of a sample together; else rows are independent, and any of
  // them may be computed alone.
  bool reads_whole_samples() const { return reads_whole_samples_; }
  // The node that computes a value, or -1 for an input.
  int producer(int value) const { return value - inputs_; }

  // Throws unless the row width and the kind of input match what the layers were built for; `name`
  // is used in the error.
  void check_input(int index, const Input& input, const char* name) const;

  // `samples` are those of all members. Inputs have one row for each, or rows_per_sample[i] unless
  // that is null.
  void forward(Run& run, const Input* inputs, Index samples, const Step& step,
               const Index* rows_per_sample = nullptr) const;

  // Backward of the last forward of `run`. The caller has set the gradients of outputs, and zeros
  // as that of every input whose gradient it needs. sinks[node] takes the updates of the node's
  // parameters; null: they are frozen.
  void backward(Run& run, const std::vector<UpdateSink*>& sinks) const;

  // Computes outputs [samples * rows of a sample, width], contiguous, in batches of
  // `batch_samples`. Does not check that the inputs are finite (see `check_finite`). Safe from
  // several threads at once.
  void predict(const std::vector<Input>& inputs, Index samples, Index batch_samples,
               const std::vector<float*>& outputs, const Index* rows_per_sample = nullptr) const;

  void begin_read() const;
  void end_read() const;
  void begin_fit() const;
  void end_fit() const;

 private:
  void find_needed_gradients(Run& run, const std::vector<UpdateSink*>& sinks) const;
  void backward_node(Run& run, std::size_t node, UpdateSink* sink) const;
  bool skips_activation(const Run& run, std::size_t node) const {
    return !run.skip_activation.empty() && run.skip_activation[node];
  }

  int inputs_;
  std::vector<Node> nodes_;
  std::vector<int> outputs_;
  std::vector<Index> widths_;
  Index members_ = 1;
  bool reads_whole_samples_ = false;
  std::vector<Layer*> layers_;  // each once
  mutable IdlePool<Run> runs_;
};

// to [rows, width] with `stride`: means over the members of y [members * rows, width].
void average_members(const Input& y, Index rows, Index members, float* to, Index stride);

// The index of the first NaN or infinite value of x [count], or -1; on all threads.
Index find_nonfinite_parallel(const float* x, Index count);

// Throws, with row and column, if one of `rows` rows is not finite.
void check_finite(const Input& x, Index rows, const char* name);

}  // namespace gatewise
