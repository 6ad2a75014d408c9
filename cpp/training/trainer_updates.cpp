// The updates of a training step, and the averages of the weights.
#include <algorithm>
#include <cmath>

#include "training/step_lock.h"
#include "training/trainer.h"

namespace gatewise {
namespace {

// Parameters were replaced from their averages: the layer restores what follows from them.
void notify_replacement(Layer& layer, bool kept) {
  layer.finish_replacement(kept);
  layer.notify_write();
}

}  // namespace

void Trainer::backward() {
  for (std::size_t node = 0; node < sinks_.size(); ++node)
    sinks_[node] =
        network_->nodes()[node].layer->trainable ? states_[node_layer_[node]].get() : nullptr;
  for (auto& state : states_) state->begin_step(steps_);
  network_->backward(run_, sinks_);
}

// What follows the gradients of a step: the stored updates, and what layers do at its end.
void Trainer::update() {
  const bool updated = optimizer_->updates_in(steps_);
  if (updated) apply_stored();
  finish_step(updated);
  ++steps_;
  if (updated)
    for (auto& state : states_) state->update_averages();
  if (!optimizer_->overwrites_in(steps_ - 1)) return;
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (states_[i]->overwrite_with_averages(steps_)) notify_replacement(*layers_[i], true);
}

// Applies stored updates: clipped by the norm of each parameter or of all, or summed over repeated
// use of a layer.
void Trainer::apply_stored() {
  for (auto& state : states_)
    if (state->stores_gradients()) state->finish_stored();
  double scale = 1;
  if (optimizer_->global_clip_norm > 0) {
    double square = 0;
    for (auto& state : states_)
      for (std::size_t p = 0; p < state->parameter_count(); ++p)
        square += state->stored_square(static_cast<int>(p));
    scale = std::min(1.0, optimizer_->global_clip_norm / std::max(std::sqrt(square), 1e-12));
  }
  for (auto& state : states_) {
    if (!state->stores_gradients()) continue;
    for (std::size_t p = 0; p < state->parameter_count(); ++p) {
      const int index = static_cast<int>(p);
      double parameter_scale = scale;
      if (optimizer_->clip_norm > 0) {
        const double norm = std::sqrt(state->stored_square(index));
        parameter_scale = std::min(1.0, optimizer_->clip_norm / std::max(norm, 1e-12));
      }
      state->apply_stored(index, parameter_scale);
    }
  }
  for (std::size_t node = 0; node < node_layer_.size(); ++node) {
    LayerState& state = *states_[node_layer_[node]];
    if (state.has_measured())
      network_->nodes()[node].layer->update_measured(run_.saved[node], state, run_.arena);
  }
}

void Trainer::finish_step(bool updated) {
  const auto& nodes = network_->nodes();
  if (updated)
    for (auto& state : states_) {
      state->shrink_touched_groups();
      state->constrain_touched();
    }
  if (!optimizer_->only_sums())  // sums of gradients leave the model as it is
    for (std::size_t node = 0; node < nodes.size(); ++node)
      nodes[node].layer->finish_step(run_.saved[node], updated);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (updated) states_[i]->refresh_penalties(false);
    seen_writes_[i] = ++layers_[i]->writes;
  }
}

void Trainer::swap_averages() {
  require(optimizer_->uses_averages(), "swap_ema_weights: expected an optimizer with use_ema=True");
  const InterruptShield shield;
  const StepLock step_lock(in_step_);
  const auto locks = lock_layers();
  averages_are_weights_ = !averages_are_weights_;
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (states_[i]->swap_averages(steps_)) notify_replacement(*layers_[i], false);
}

void Trainer::keep_averages() {
  if (!optimizer_->uses_averages()) return;
  const InterruptShield shield;
  const StepLock step_lock(in_step_);
  const auto locks = lock_layers();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (averages_are_weights_)
      states_[i]->reset_averages();
    else if (!states_[i]->overwrite_with_averages(steps_))
      continue;
    notify_replacement(*layers_[i], true);
  }
  averages_are_weights_ = false;
}

std::vector<std::unique_lock<ForkSafeMutex>> Trainer::lock_layers() const {
  std::vector<std::unique_lock<ForkSafeMutex>> locks;
  for (Layer* layer : layers_) locks.push_back(layer->access().lock_for_write());
  return locks;
}

}  // namespace gatewise
