#include "training/trainer.h"

#include <algorithm>
#include <cmath>

#include "training/step_lock.h"

namespace gatewise {
namespace {

void check_samples(const Index* samples, Index count, Index num_samples) {
  require(count >= 1, "samples: expected at least one, got none");
  for (Index i = 0; i < count; ++i)
    require(samples[i] >= 0 && samples[i] < num_samples, "samples: expected indices below ",
            num_samples, ", got ", samples[i]);
}

}  // namespace

Trainer::Trainer(std::shared_ptr<Network> network, std::vector<Objective> objectives,
                 std::unique_ptr<Optimizer> optimizer, bool mean_over_counted)
    : network_(std::move(network)),
      objectives_(std::move(objectives)),
      optimizer_(std::move(optimizer)),
      mean_over_counted_(mean_over_counted) {
  const auto& nodes = network_->nodes();
  require(objectives_.size() == network_->outputs().size(), "loss: expected one for each of ",
          network_->outputs().size(), " outputs, got ", objectives_.size());
  std::vector<int> uses(network_->nodes().size() + network_->input_count(), 0);
  std::vector<int> layer_uses;
  for (const Node& node : nodes) {
    const std::size_t index = layer_index(node.layer.get());
    if (index == layers_.size()) {
      layers_.push_back(node.layer.get());
      layer_uses.push_back(0);
    }
    node_layer_.push_back(index);
    ++layer_uses[index];
    for (const int value : node.inputs) ++uses[value];
  }
  // A layer that occurs twice in the graph gets one update, with the sum of both gradients.
  for (std::size_t i = 0; i < layers_.size(); ++i)
    states_.push_back(
        std::make_unique<LayerState>(layers_[i]->parameters(), *optimizer_, layer_uses[i] > 1));
  for (const Layer* layer : layers_) seen_writes_.push_back(layer->writes);

  for (const int value : network_->outputs()) ++uses[value];
  run_.skip_activation.assign(nodes.size(), 0);
  sinks_.assign(nodes.size(), nullptr);
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const int node = network_->producer(network_->outputs()[o]);
    require(node >= 0, "loss: an input of the model cannot be trained as its output");
    require(std::count(network_->outputs().begin(), network_->outputs().end(),
                       network_->outputs()[o]) == 1,
            "outputs: a value that is an output twice cannot be trained");
    objectives_[o].loss->check_units(network_->value_width(network_->outputs()[o]));
    const Activation last = nodes[node].layer->output_activation();
    const bool fused = last != Activation::kLinear && uses[network_->outputs()[o]] == 1 &&
                       objectives_[o].loss->fused_activation() == last;
    fused_.push_back(fused);
  }
}

std::size_t Trainer::layer_index(const Layer* layer) const {
  return std::find(layers_.begin(), layers_.end(), layer) - layers_.begin();
}

void Trainer::check(const Dataset& data) const {
  require(data.inputs.size() == static_cast<std::size_t>(network_->input_count()), "x: expected ",
          network_->input_count(), " inputs, got ", data.inputs.size());
  require(data.targets.size() == objectives_.size(), "y: expected ", objectives_.size(),
          " targets, got ", data.targets.size());
  for (int i = 0; i < network_->input_count(); ++i) network_->check_input(i, data.inputs[i], "x");
  for (std::size_t o = 0; o < objectives_.size(); ++o) check_target(o, data.targets[o]);
}

void Trainer::check_target(std::size_t output, const Target& target) const {
  const Index width = network_->value_width(network_->outputs()[output]);
  const Loss& loss = *objectives_[output].loss;
  if (loss.takes_any_target()) {
    require(target.labels || target.units == width || objectives_[output].metrics.empty(),
            "y: expected rows of ", width, " values for the metrics, got ", target.units);
    return;
  }
  if (!loss.reads_labels()) {
    require(target.values != nullptr, "y: expected rows of values, got labels");
    require(target.units == width, "y: expected rows of ", width, " values, got ", target.units);
    return;
  }
  require(target.labels != nullptr, "y: expected int32 labels, got rows of values");
  if (loss.ignored_label()) return;  // begin_step checks the labels of its rows
  const std::int32_t worst = target.min_label < 0 ? target.min_label : target.max_label;
  require(worst >= 0 && worst < width, "y: expected labels from 0 to ", width - 1, ", got ", worst);
}

void Trainer::check_trainable() const {
  for (const Layer* layer : layers_)
    for (const Parameter& parameter : layer->parameters().all())
      require(parameter.storage == Storage::kFloat32,
              "fit: expected a model of float32 weights, got ", parameter.name, " in ",
              storage_name(parameter.storage), "; train the model that this one was made from");
}

// Lists the units of the samples: first those that count, then those whose weight is 0 in every
// target, which are left out of the step.
void Trainer::select_units(const Dataset& data, const Index* samples, Index count) {
  const Index first_rows = data.rows_per_sample[0];
  const auto differs = [&](Index rows) { return rows != first_rows; };
  counts_samples_ =
      network_->reads_whole_samples() ||
      std::any_of(data.rows_per_sample.begin(), data.rows_per_sample.end(), differs) ||
      std::any_of(data.targets.begin(), data.targets.end(),
                  [&](const Target& target) { return differs(target.rows_per_sample); });
  const Index per_sample = counts_samples_ ? 1 : first_rows;
  const auto is_weighted = [](const Target& target) { return target.weights != nullptr; };
  const bool may_skip = std::all_of(data.targets.begin(), data.targets.end(), is_weighted);
  const Index members = network_->members();
  batch_units_ = count * per_sample;
  counted_.set(samples, count, members);
  skipped_.set(samples, 0, members);
  positions_.clear();
  if (per_sample == 1 && !may_skip) return;
  const auto target_counts = [this](const Target& target, Index unit) {
    const Index rows = rows_per_unit(target.rows_per_sample);
    for (Index row = unit * rows; row < (unit + 1) * rows; ++row)
      if (target.weight_of(row) != 0) return true;
    return false;
  };
  const auto counts = [&](Index unit) {
    return !may_skip ||
           std::any_of(data.targets.begin(), data.targets.end(),
                       [&](const Target& target) { return target_counts(target, unit); });
  };
  const auto unit_at = [&](Index i) {
    return samples[i / per_sample] * per_sample + i % per_sample;
  };
  unit_indices_.resize(static_cast<std::size_t>(batch_units_));
  positions_.resize(static_cast<std::size_t>(batch_units_));
  Index at = 0, counted = 0;
  for (const bool counting : {true, false}) {
    for (Index i = 0; i < batch_units_; ++i) {
      const Index unit = unit_at(i);
      if (counts(unit) != counting) continue;
      positions_[at] = i;
      unit_indices_[at++] = unit;
    }
    if (counting) counted = at;
    if (at == batch_units_) break;
  }
  counted_.set(unit_indices_.data(), counted, members);
  skipped_.set(unit_indices_.data() + counted, batch_units_ - counted, members);
  counted_positions_.set(positions_.data(), counted, 1);
  skipped_positions_.set(positions_.data() + counted, batch_units_ - counted, 1);
}

void Trainer::run_forward(const Dataset& data, Run& run, UnitRows& units, const Step& step) {
  inputs_.clear();
  input_rows_.clear();
  for (std::size_t i = 0; i < data.inputs.size(); ++i) {
    input_rows_.push_back(rows_per_unit(data.rows_per_sample[i]));
    inputs_.push_back(data.inputs[i].at(units.rows(input_rows_.back(), true)));
  }
  network_->forward(run, inputs_.data(), network_->members() * units.count(), step,
                    input_rows_.data());
}

// A test averages activations over members before the loss.
bool Trainer::is_fused(std::size_t output, bool training) const {
  return fused_[output] && (training || network_->members() == 1);
}

void Trainer::forward(const Dataset& data, bool training) {
  run_.expected.assign(network_->nodes().size() + data.inputs.size(), Expected{});
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const Target& target = data.targets[o];
    const int output = network_->outputs()[o];
    const Index* rows = counted_.rows(rows_per_unit(target.rows_per_sample), true);
    const bool fits = target.units == network_->value_width(output);
    run_.expected[output] = {fits ? target.values : nullptr, target.weights, rows,
                             target.rows_per_weight};
    run_.skip_activation[network_->producer(output)] = is_fused(o, training);
  }
  const Step step{.training = training,
                  .number = static_cast<std::uint64_t>(steps_),
                  .draws_noise = !optimizer_->only_sums()};
  run_forward(data, run_, counted_, step);
}

Predictions Trainer::predictions(const Run& run, std::size_t output) const {
  const Output& y = run.values[network_->outputs()[output]];
  return {y.rows.dense, y.data, y.stride, y.count, y.rows.width};
}

// The means over the members.
Predictions Trainer::mean_predictions(Run& run, std::size_t output) const {
  const Index members = network_->members();
  if (members == 1) return predictions(run, output);
  const Output& y = run.values[network_->outputs()[output]];
  const Index rows = y.count / members, stride = round_up(y.rows.width, kPanelWidth);
  float* mean = run.arena.take<float>(rows * stride);
  average_members(y.rows, rows, members, mean, stride);
  return {{mean, stride}, mean, stride, rows, y.rows.width};
}

Target Trainer::batch_target(const Dataset& data, std::size_t output, UnitRows& units,
                             bool of_members) const {
  Target target = data.targets[output];
  target.index = units.rows(rows_per_unit(target.rows_per_sample), of_members);
  if (target.labels) target.units = network_->value_width(network_->outputs()[output]);
  return target;
}

Index Trainer::target_rows(const Dataset& data, std::size_t output, const UnitRows& units) const {
  return units.count() * rows_per_unit(data.targets[output].rows_per_sample);
}

// What the sum of an output's losses is divided by.
double Trainer::divisor(const Dataset& data, std::size_t output) {
  const Loss& loss = *objectives_[output].loss;
  const auto of = [&](UnitRows& units) {
    return loss.divisor(batch_target(data, output, units, false), target_rows(data, output, units));
  };
  const bool is_whole =
      loss.reduction == Reduction::kSum || mean_over_counted_ || skipped_.count() == 0;
  return is_whole ? of(counted_) : of(counted_) + of(skipped_);
}

void Trainer::evaluate_losses(const Dataset& data, bool training) {
  const Index losses_per_row = training ? network_->members() : 1;
  double total = 0;
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const Objective& objective = objectives_[o];
    const int output = network_->outputs()[o];
    const Target target = batch_target(data, o, counted_, losses_per_row > 1);
    const Index rows = target_rows(data, o, counted_), found = run_.values[output].count;
    require(found == network_->members() * rows, "y: expected ",
            found / (network_->members() * counted_.count()), " rows a sample, got ",
            target.rows_per_sample);
    ValueGradient& gradient = run_.gradients[output];
    if (training) gradient = run_.take_gradient(output, network_->value_width(output));
    const Predictions y = training ? predictions(run_, o) : mean_predictions(run_, o);
    const double loss =
        objective.loss->evaluate(y, target, is_fused(o, training), objective.weight,
                                 static_cast<double>(losses_per_row) * divisor(data, o),
                                 gradient.data, gradient.stride, run_.arena.take<float>(y.count));
    step_results_[1 + o] = loss;
    total += objective.weight * loss;
  }
  step_results_[0] = total + run_.loss;
  step_results_[step_results_.size() - 2] = run_.loss;
}

// Adds to the means over the batch what `run` has of it: the units that count, or the others.
void Trainer::add_metrics(const Dataset& data, Run& run, UnitRows& units, UnitRows& positions) {
  const double share = static_cast<double>(units.count()) / static_cast<double>(batch_units_);
  double* result = step_results_.data() + 1 + objectives_.size();
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    if (objectives_[o].metrics.empty() && !objectives_[o].record) continue;
    const Predictions y = mean_predictions(run, o);
    const Target target = batch_target(data, o, units, false);
    float* row_values = run.arena.take<float>(y.count);
    for (const auto& metric : objectives_[o].metrics)
      *result++ += share * metric->evaluate(y, target, row_values);
    if (!objectives_[o].record) continue;
    const Index* at =
        positions_.empty() ? nullptr : positions.rows(rows_per_unit(target.rows_per_sample), false);
    objectives_[o].record->add(y, target, at);
  }
}

bool Trainer::needs_all_rows() const {
  return std::any_of(objectives_.begin(), objectives_.end(), [](const Objective& objective) {
    return !objective.metrics.empty() || objective.record;
  });
}

const StepRecord& Trainer::record(std::size_t output) const {
  require(output < objectives_.size() && objectives_[output].record != nullptr,
          "record: expected an output whose steps are recorded, got ", output);
  return *objectives_[output].record;
}

// Metrics see units of weight 0 too, predicted on their own.
void Trainer::add_skipped_metrics(const Dataset& data) {
  if (skipped_.count() == 0 || !needs_all_rows()) return;
  run_forward(data, skipped_run_, skipped_, Step{});
  add_metrics(data, skipped_run_, skipped_, skipped_positions_);
}

void Trainer::evaluate(const Dataset& data, bool training) {
  if (counted_.count() > 0) {
    forward(data, training);
    evaluate_losses(data, training);
    add_metrics(data, run_, counted_, counted_positions_);
  }
  add_skipped_metrics(data);
  step_results_[0] += penalties();
}

double Trainer::penalties() {
  double sum = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i]->writes != seen_writes_[i]) {
      states_[i]->refresh_penalties(true);
      seen_writes_[i] = layers_[i]->writes;
    }
    if (layers_[i]->trainable) sum += states_[i]->penalty();
  }
  return sum;
}

void Trainer::begin_step(const Dataset& data, const Index* samples, Index count) {
  select_units(data, samples, count);
  for (std::size_t o = 0; o < objectives_.size(); ++o)
    if (const Loss& loss = *objectives_[o].loss; loss.ignored_label())
      for (UnitRows* units : {&counted_, &skipped_})
        loss.check_labels(batch_target(data, o, *units, false), target_rows(data, o, *units), "y");
  for (std::size_t o = 0; o < objectives_.size(); ++o)
    if (StepRecord* record = objectives_[o].record.get())
      record->begin(data.targets[o], batch_units_ * rows_per_unit(data.targets[o].rows_per_sample),
                    network_->value_width(network_->outputs()[o]));
  std::size_t results = 3 + objectives_.size();
  for (const Objective& objective : objectives_) results += objective.metrics.size();
  step_results_.assign(results, 0.0);
  step_results_.back() = static_cast<double>(counted_.count()) /
                         static_cast<double>(counts_samples_ ? 1 : data.rows_per_sample[0]);
}

const std::vector<double>& Trainer::test_step(const Dataset& data, const Index* samples,
                                              Index count) {
  check_samples(samples, count, data.num_samples);
  check(data);
  const StepLock step_lock(in_step_);
  const ReadClaim claim(*network_);
  begin_step(data, samples, count);
  run_.standby.run([&] { evaluate(data, false); });
  return step_results_;
}

const std::vector<double>& Trainer::train_step(const Dataset& data, const Index* samples,
                                               Index count) {
  check_samples(samples, count, data.num_samples);
  check(data);
  const StepLock step_lock(in_step_);
  check_trainable();
  require(!averages_are_weights_,
          "train_step: expected the weights that are trained, got their averages; call "
          "swap_ema_weights again");
  begin_step(data, samples, count);
  run_.standby.run([&] {
    evaluate(data, true);
    poll_interrupt();
    if (counted_.count() == 0) return;
    const InterruptShield shield;
    backward();
    update();
  });
  return step_results_;
}

}  // namespace gatewise
