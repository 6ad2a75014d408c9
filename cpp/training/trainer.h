// The whole training step of a network in one call: forward, losses, backward, update.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "metrics/metric.h"
#include "optimizers/layer_state.h"
#include "training/dataset.h"
#include "training/network.h"

namespace gatewise {

// How one output of the network is evaluated.
struct Objective {
  std::unique_ptr<Loss> loss;
  float weight = 1;
  std::vector<std::unique_ptr<Metric>> metrics;
};

class Trainer {
 public:
  Trainer(std::shared_ptr<Network> network, std::vector<Objective> objectives,
          std::unique_ptr<Optimizer> optimizer);

  // Runs one step on samples [count], whose rows are gathered as they are read. Returns the loss
  // (with penalties), the loss of each output, and the metrics of each output. An interrupt leaves
  // everything as before the step. Throws if the data do not fit the network or an index is out of
  // range, Busy during another step, and like `check_trainable`.
  const std::vector<double>& train_step(const Dataset& data, const Index* samples, Index count);

  // Returns the same results without an update. Throws Busy while another thread trains a layer.
  const std::vector<double>& test_step(const Dataset& data, const Index* samples, Index count);

  // Throws if a layer's weights are stored for prediction only.
  void check_trainable() const;

  Optimizer& optimizer() { return *optimizer_; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  std::vector<std::unique_ptr<LayerState>>& states() { return states_; }
  const std::vector<Layer*>& layers() const { return layers_; }
  const Network& network() const { return *network_; }

 private:
  void check(const Dataset& data) const;
  void forward(const Dataset& data, const Index* samples, Index count, bool training);
  void evaluate_losses(const Dataset& data, bool training);
  void backward();
  void finish_step();
  void apply_stored();
  double penalties();
  std::size_t layer_index(const Layer* layer) const;

  std::shared_ptr<Network> network_;
  std::vector<Objective> objectives_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<Layer*> layers_;                       // each once
  std::vector<std::unique_ptr<LayerState>> states_;  // by layer
  std::vector<std::uint64_t> seen_writes_;           // by layer
  std::vector<std::size_t> node_layer_;
  std::vector<UpdateSink*> sinks_;  // by node; null where the layer is frozen
  std::vector<char> fused_;         // by output: whether the loss computes the last activation
  Run run_;
  std::vector<Input> inputs_;
  std::vector<Index> expanded_;  // row indices of samples of several rows
  const Index* row_indices_ = nullptr;
  std::vector<double> step_results_;
  std::int64_t steps_ = 0;
  std::atomic<bool> in_step_{false};  // one step at a time, since there is only one workspace
};

}  // namespace gatewise
