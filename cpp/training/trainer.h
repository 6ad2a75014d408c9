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
#include "training/step_record.h"
#include "training/unit_rows.h"

namespace gatewise {

// How one output of the network is evaluated.
struct Objective {
  std::unique_ptr<Loss> loss;
  float weight = 1;
  std::vector<std::unique_ptr<Metric>> metrics;
  std::unique_ptr<StepRecord> record;  // of each step, for metrics elsewhere, or null
};

class Trainer {
 public:
  // Losses of outputs that are means are so over the rows of a batch or, with `mean_over_counted`,
  // over those whose weight is not 0. In training, the loss is the mean of those of the members;
  // metrics, and losses in a test, are those of the members' mean.
  Trainer(std::shared_ptr<Network> network, std::vector<Objective> objectives,
          std::unique_ptr<Optimizer> optimizer, bool mean_over_counted = false);

  // Runs one step on samples [count], whose rows are gathered as they are read. Rows whose weight
  // is 0 in all targets do not count: nothing is learned from them, nor are layers' statistics, and
  // a step without other rows updates nothing. Returns the loss (with penalties), the loss of each
  // output, the metrics of each output, over all rows, the losses that layers added, and how many
  // samples count (rows that count divided by the rows of a sample). An interrupt leaves everything
  // as before the step. Throws if the data do not fit the network or an index is out of range, Busy
  // during another step, and like `check_trainable`.
  const std::vector<double>& train_step(const Dataset& data, const Index* samples, Index count);

  // Returns the same results without an update. Throws Busy while another thread trains a layer.
  const std::vector<double>& test_step(const Dataset& data, const Index* samples, Index count);

  // Throws if a layer's weights are stored for prediction only.
  void check_trainable() const;

  // Exchanges the weights and their averages; a training step needs them exchanged back. Throws if
  // the optimizer has no averages, and Busy while a layer is in use.
  void swap_averages();
  // The averages, if the optimizer has them, become the weights. Throws Busy while a layer is in
  // use.
  void keep_averages();
  bool averages_are_weights() const { return averages_are_weights_; }
  void set_averages_are_weights(bool exchanged) { averages_are_weights_ = exchanged; }
  // The rows of the last step in their order, those of weight 0 too. Throws if the output has none.
  const StepRecord& record(std::size_t output) const;

  Optimizer& optimizer() { return *optimizer_; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  std::vector<std::unique_ptr<LayerState>>& states() { return states_; }
  const std::vector<Layer*>& layers() const { return layers_; }
  const Network& network() const { return *network_; }

 private:
  void check(const Dataset& data) const;
  void check_target(std::size_t output, const Target& target) const;
  void begin_step(const Dataset& data, const Index* samples, Index count);
  void select_units(const Dataset& data, const Index* samples, Index count);
  void run_forward(const Dataset& data, Run& run, UnitRows& units, const Step& step);
  void evaluate(const Dataset& data, bool training);
  void forward(const Dataset& data, bool training);
  void evaluate_losses(const Dataset& data, bool training);
  void add_metrics(const Dataset& data, Run& run, UnitRows& units, UnitRows& positions);
  bool needs_all_rows() const;
  void add_skipped_metrics(const Dataset& data);
  Predictions predictions(const Run& run, std::size_t output) const;
  Predictions mean_predictions(Run& run, std::size_t output) const;
  bool is_fused(std::size_t output, bool training) const;
  Target batch_target(const Dataset& data, std::size_t output, UnitRows& units,
                      bool of_members) const;
  Index target_rows(const Dataset& data, std::size_t output, const UnitRows& units) const;
  double divisor(const Dataset& data, std::size_t output);
  // Rows of an array for each unit of a batch.
  Index rows_per_unit(Index rows_per_sample) const { return counts_samples_ ? rows_per_sample : 1; }
  void backward();
  void update();
  void finish_step(bool updated);
  void apply_stored();
  std::vector<std::unique_lock<ForkSafeMutex>> lock_layers() const;
  double penalties();
  std::size_t layer_index(const Layer* layer) const;

  std::shared_ptr<Network> network_;
  std::vector<Objective> objectives_;
  std::unique_ptr<Optimizer> optimizer_;
  bool mean_over_counted_;
  std::vector<Layer*> layers_;                       // each once
  std::vector<std::unique_ptr<LayerState>> states_;  // by layer
  std::vector<std::uint64_t> seen_writes_;           // by layer
  std::vector<std::size_t> node_layer_;
  std::vector<UpdateSink*> sinks_;  // by node; null where the layer is frozen
  std::vector<char> fused_;         // by output: whether the loss computes the last activation
  Run run_;
  Run skipped_run_;  // predictions of the rows of a batch that do not count
  std::vector<Input> inputs_;
  std::vector<Index> input_rows_;  // of each input for a unit
  // A unit is a row or, if this is true, a sample.
  bool counts_samples_ = false;
  std::vector<Index> unit_indices_;  // those that count first, if they are not the samples
  std::vector<Index> positions_;     // of those units in the step, if some may not count
  Index batch_units_ = 0;
  UnitRows counted_, skipped_;  // the units that count, and the others
  UnitRows counted_positions_, skipped_positions_;
  std::vector<double> step_results_;
  std::int64_t steps_ = 0;
  bool averages_are_weights_ = false;  // exchanged by `swap_averages`
  std::atomic<bool> in_step_{false};   // one step at a time, since there is only one workspace
};

}  // namespace gatewise
