#include "optimizers/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"

namespace gatewise {
namespace {

// Count of values in one chunk of a parallel pass over a slice.
constexpr Index kChunkSize = 4096;

}  // namespace

Optimizer Optimizer::from_options(const Options& options) {
  Optimizer o;
  const std::string kind = options.text("kind");
  require(kind == "sgd" || kind == "adam" || kind == "adamw" || kind == "gradient_sums",
          "optimizer: expected sgd, adam, adamw or gradient_sums, got ", kind);
  o.learning_rate = options.number("learning_rate");
  o.momentum = options.number_or("momentum", 0);
  o.beta_1 = options.number_or("beta_1", 0.9);
  o.beta_2 = options.number_or("beta_2", 0.999);
  o.epsilon = options.number_or("epsilon", 1e-7);
  require(o.epsilon > 0, "epsilon: expected a number above 0, got ", o.epsilon);
  o.weight_decay = options.number_or("weight_decay", 0);
  o.clip_norm = options.number_or("clipnorm", 0);
  o.clip_value = options.number_or("clipvalue", 0);
  o.global_clip_norm = options.number_or("global_clipnorm", 0);
  o.dense_updates = options.has("dense_updates") && options.flag("dense_updates");
  const bool nesterov = options.has("nesterov") && options.flag("nesterov");
  if (kind == "gradient_sums")
    o.kind = UpdateKind::kGradientSums;
  else if (kind != "sgd")
    o.kind = UpdateKind::kAdam;
  else if (o.momentum > 0)
    o.kind = nesterov ? UpdateKind::kNesterov : UpdateKind::kMomentum;
  return o;
}

LayerState::LayerState(ParameterBlock& block, const Optimizer& optimizer, bool is_used_repeatedly)
    : block_(block),
      optimizer_(optimizer),
      stores_gradients_((optimizer.stores_gradients() || is_used_repeatedly) && block.size() > 0),
      measures_(block.all().size()) {
  const Index size = block.is_quantized() ? 0 : block.size();
  if (optimizer.kind != UpdateKind::kSgd) first_ = AlignedBuffer(size);
  if (optimizer.kind == UpdateKind::kAdam || optimizer.kind == UpdateKind::kGradientSums)
    second_ = AlignedBuffer(size);
  Index stored = 0;
  for (const Parameter& parameter : block.all()) {
    const bool is_measured = parameter.recomputes_gradient && !is_used_repeatedly;
    gradient_offsets_.push_back(is_measured ? -1 : stored);
    if (!is_measured) stored += parameter.count * parameter.slice_floats();
  }
  if (stores_gradients_ && size > 0) gradient_ = AlignedBuffer(stored);
  for (const Parameter& parameter : block.all())
    slices_.emplace_back(static_cast<std::size_t>(parameter.count));
  refresh_penalties(true);
}

void LayerState::begin_step() {
  for (auto& slices : slices_)
    for (Slice& slice : slices) slice.touched = false;
}

// Returns the rule and arrays for the next update of a slice, whose step count is already
// incremented.
UpdateTarget LayerState::target(int index, Index slice) {
  const Optimizer& o = optimizer_;
  const Parameter& parameter = block_.at(index);
  const Index offset = parameter.slice_offset(slice);
  UpdateTarget target;
  target.weights = block_.data() + offset;
  if (first_.size() > 0) target.first = first_.data() + offset;
  if (second_.size() > 0) target.second = second_.data() + offset;
  UpdateRule& rule = target.rule;
  rule.kind = o.kind;
  rule.learning_rate = static_cast<float>(o.learning_rate);
  rule.momentum = static_cast<float>(o.momentum);
  rule.one_minus_beta_1 = static_cast<float>(1 - o.beta_1);
  rule.one_minus_beta_2 = static_cast<float>(1 - o.beta_2);
  rule.epsilon = static_cast<float>(o.epsilon);
  rule.decay = static_cast<float>(o.learning_rate * o.weight_decay);
  rule.clip_value = static_cast<float>(o.clip_value);
  rule.l1 = parameter.groups == WeightGroups::kNone ? parameter.l1 : 0;
  rule.l2 = parameter.l2;
  rule.keeps_zeros = parameter.keeps_zeros;
  if (o.kind == UpdateKind::kAdam) {
    const auto step = static_cast<double>(slices_[index][slice].steps);
    const double first = 1 - std::pow(o.beta_1, step), second = 1 - std::pow(o.beta_2, step);
    rule.step_size = static_cast<float>(o.learning_rate * std::sqrt(second) / first);
    rule.variance_root = static_cast<float>(1 / std::sqrt(second));
  }
  return target;
}

UpdateTarget LayerState::begin(int index, Index slice) {
  Slice& state = slices_[index][slice];
  const bool first_touch = !state.touched;
  if (first_touch) ++state.steps;
  state.touched = true;
  if (!stores_gradients()) return target(index, slice);
  const Parameter& parameter = block_.at(index);
  UpdateTarget stored;
  stored.rule.kind = is_measured(index) ? UpdateKind::kMeasure : UpdateKind::kStore;
  if (is_measured(index)) return stored;
  stored.gradient = gradient(index, slice);
  if (first_touch) std::fill_n(stored.gradient, parameter.slice_floats(), 0.0f);
  return stored;
}

UpdateTarget LayerState::begin_measured(int index) {
  UpdateTarget update_target = target(index, 0);
  update_target.gradient_scale = measures_[index].scale;
  return update_target;
}

bool LayerState::has_measured() const {
  for (std::size_t index = 0; index < slices_.size(); ++index)
    if (stores_gradients_ && is_measured(static_cast<int>(index)) && slices_[index][0].touched)
      return true;
  return false;
}

void LayerState::finish_stored() {
  if (optimizer_.kind == UpdateKind::kGradientSums) return;  // sums of the loss gradient only
  for (std::size_t at = 0; at < slices_.size(); ++at) {
    const int index = static_cast<int>(at);
    const Parameter& parameter = block_.at(index);
    if ((parameter.l2 == 0 && !parameter.keeps_zeros) || is_measured(index)) continue;
    for (Index slice = 0; slice < parameter.count; ++slice) {
      if (!slices_[at][slice].touched) continue;
      const float* weights = block_.slice(index, slice);
      float* g = gradient(index, slice);
      if (parameter.l2 > 0) add_scaled(weights, 2 * parameter.l2, g, parameter.slice_floats());
      if (parameter.keeps_zeros) clear_at_zeros(weights, g, parameter.slice_floats());
    }
  }
}

double LayerState::stored_square(int index) const {
  if (is_measured(index)) return slices_[index][0].touched ? measures_[index].square : 0;
  const Parameter& parameter = block_.at(index);
  double sum = 0;
  for (Index slice = 0; slice < parameter.count; ++slice) {
    if (!slices_[index][slice].touched) continue;
    const float* g = gradient(index, slice);
    for (Index i = 0; i < parameter.slice_floats(); i += kChunkSize)
      sum += norms_of(g + i, std::min(kChunkSize, parameter.slice_floats() - i)).square;
  }
  return sum;
}

void LayerState::apply_stored(int index, double scale) {
  const Parameter& parameter = block_.at(index);
  const Index size = parameter.slice_floats();
  const auto factor = static_cast<float>(scale);
  measures_[index].scale = factor;
  if (is_measured(index)) return;
  for (Index slice = 0; slice < parameter.count; ++slice) {
    if (!slices_[index][slice].touched) continue;
    float* g = gradient(index, slice);
    UpdateTarget update_target = target(index, slice);
    update_target.rule.l2 = 0;  // already in the gradient
    parallel_for(ceil_divide(size, kChunkSize), kChunkSize * 8, [&](Index begin, Index end) {
      const Index from = begin * kChunkSize, to = std::min(end * kChunkSize, size);
      if (factor != 1)
        for (Index i = from; i < to; ++i) g[i] *= factor;
      apply_update(update_target, from, g + from, to - from);
    });
  }
}

}  // namespace gatewise
