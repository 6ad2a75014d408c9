// An acyclic graph of layers, run forward over batches of rows.
//
// Values 0 .. inputs - 1 are the inputs; node i computes value inputs + i. All values of a run have
// the same row count.
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

// One pass through a network: every value, and what each node keeps for its backward. Memory is
// kept from pass to pass.
struct Run {
  Standby standby;
  Arena arena;
  std::vector<Output> values;
  std::vector<void*> saved;
  std::vector<Input> gathered;     // the inputs of the current node
  std::vector<Expected> expected;  // by value, where a training step sets them
  double loss = 0;                 // of the layers themselves
  Index rows = 0;
};

class Network {
 public:
  Network(int inputs, std::vector<Node> nodes, std::vector<int> outputs);

  int input_count() const { return inputs_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int>& outputs() const { return outputs_; }
  Index value_width(int value) const { return widths_[value]; }
  // The node that computes a value, or -1 for an input.
  int producer(int value) const { return value - inputs_; }

  // Throws unless the row width and the kind of input match what the layers were built for; `name`
  // is used in the error.
  void check_input(int input, Index width, bool is_sparse, const char* name) const;

  // skip[node]: whether the node leaves its last activation to the loss.
  void forward(Run& run, const Input* inputs, Index rows, const Step& step,
               const std::vector<char>& skip) const;

  // Computes outputs [rows, width], contiguous, in batches of batch_rows. Does not check that the
  // inputs are finite (see `check_finite`). Safe from several threads at once.
  void predict(const std::vector<Input>& inputs, Index rows, Index batch_rows,
               const std::vector<float*>& outputs) const;

  void begin_read() const;
  void end_read() const;
  void begin_fit() const;
  void end_fit() const;

 private:
  int inputs_;
  std::vector<Node> nodes_;
  std::vector<int> outputs_;
  std::vector<Index> widths_;
  std::vector<Layer*> layers_;  // each once
  mutable IdlePool<Run> runs_;
};

// Throws, with row and column, if one of `rows` rows is not finite.
void check_finite(const Input& x, Index rows, const char* name);

}  // namespace gatewise
