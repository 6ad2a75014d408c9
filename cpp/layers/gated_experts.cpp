#include "layers/gated_experts.h"

#include <algorithm>

#include "kernels/gated_units.h"
#include "kernels/reduce.h"
#include "layers/routed_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {

struct GatedExpertsLayer::Saved {
  float* gates;       // [rows, units] g, with `gate_stride`
  float* factor;      // [rows, units] m, the factor of a unit's values, same stride
  float* derivative;  // [rows, units] dm/dz, z before the sigmoid; training only
  Index gate_stride;
  float* penalty_gradient;  // [units] gradient of the penalty for each g; null without penalty
  Choice choice;            // the groups of every row
  Dispatch dispatch;
  Index* position;  // [rows, groups] position of a row's group in dispatch order, or -1
  Input routed_rows;
  float* h;  // [assignments, width]
  Index h_stride;

  const float* h_of(Index row, Index group, Index groups) const {
    return h + position[row * groups + group] * h_stride;
  }
};

GatedExpertsLayer::GatedExpertsLayer(const Options& options)
    : units_(options.integer("units")),
      width_(options.integer("width")),
      activation_(activation_from_name(options.text("activation"))),
      sums_(options.text("combine") == "sum"),
      threshold_(static_cast<float>(options.number("threshold"))),
      temperature_(static_cast<float>(options.number("temperature"))),
      open_share_(static_cast<float>(options.number("open_share"))),
      open_weight_(static_cast<float>(options.number("open_weight"))) {
  require(units_ >= 1 && width_ >= 1, "units, width: expected at least 1");
  require(activation_ != Activation::kSoftmax,
          "activation: expected an elementwise activation, got softmax");
  require(sums_ || options.text("combine") == "concat", "combine: expected 'concat' or 'sum', got ",
          options.text("combine"));
  const std::string gate = options.text("gate");
  require(gate == "hard" || gate == "straight_through" || gate == "soft",
          "gate: expected 'hard', 'straight_through' or 'soft', got ", gate);
  gate_ = gate == "hard" ? Gate::kHard : gate == "soft" ? Gate::kSoft : Gate::kStraightThrough;
  require(temperature_ > 0, "temperature: expected a number > 0, got ", temperature_);
  // Group indices as text, "0,0,1", because options hold no lists.
  const std::string text = options.text("groups");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    groups_.push_back(std::stoll(text.substr(at, end - at)));
    at = end + 1;
  }
  require(static_cast<Index>(groups_.size()) == units_, "groups: expected one index for each unit");
  group_count_ = next_group_id_ = *std::max_element(groups_.begin(), groups_.end()) + 1;
  for (const Index group : groups_) require(group >= 0, "groups: expected indices >= 0");
}

Index GatedExpertsLayer::declare(const std::vector<Index>& widths) {
  require(widths.size() == 1, "GatedExperts: expected one input, got ", widths.size());
  kernel_ = block_.add_expert_matrix("kernel", group_count_, widths[0], width_);
  scale_ = block_.add_expert_vector("scale", units_, width_, "scale");
  bias_ = block_.add_expert_vector("bias", units_, width_);
  gate_kernel_ = block_.add_matrix("gate_kernel", "router", widths[0], units_);
  gate_bias_ = block_.add_vector("gate_bias", "bias", units_);
  return sums_ ? width_ : units_ * width_;
}

const float* GatedExpertsLayer::gates(const Input& x, Index rows, Index& stride,
                                      Arena& arena) const {
  stride = round_up(units_, kPanelWidth);
  float* gates = arena.take<float>(rows * stride);
  grouped_forward(x, all_rows(rows, arena), grouped_weights(block_, gate_kernel_, gate_bias_),
                  {.activation = Activation::kSigmoid, .y = gates, .y_stride = stride}, arena);
  return gates;
}

void GatedExpertsLayer::set_groups(const std::vector<Index>& groups) {
  require(groups.size() == groups_.size(), "groups: expected ", groups_.size(), " indices, got ",
          groups.size());
  const Index count = *std::max_element(groups.begin(), groups.end()) + 1;
  Parameter& kernel = block_.find("kernel");
  require(count <= kernel.capacity, "groups: expected at most ", kernel.capacity, ", got ", count);
  const Index floats = kernel.slice_floats();
  std::vector<float> merged(static_cast<std::size_t>(count * floats), 0.0f);
  for (Index group = 0; group < count; ++group) {
    float units = 0;
    float* to = merged.data() + group * floats;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i] != group) continue;
      ++units;
      const float* from = block_.slice(kernel_, groups_[i]);
      for (Index j = 0; j < floats; ++j) to[j] += from[j];
    }
    require(units > 0, "groups: expected units in every group, found none in ", group);
    for (Index j = 0; j < floats; ++j) to[j] /= units;
  }
  std::copy(merged.begin(), merged.end(), block_.slice(kernel_));
  kernel.slice_ids = ids_after(groups, count);
  groups_ = groups;
  group_count_ = count;
  kernel.count = count;
}

// The id of each new group: that of the group which had the same units, or a new one.
std::vector<Index> GatedExpertsLayer::ids_after(const std::vector<Index>& groups, Index count) {
  const std::vector<Index>& ids = block_.find("kernel").slice_ids;
  std::vector<Index> result;
  for (Index group = 0; group < count; ++group) {
    const auto unit = std::find(groups.begin(), groups.end(), group) - groups.begin();
    const Index previous = groups_[unit];
    bool has_same_units = true;
    for (std::size_t i = 0; i < groups.size(); ++i)
      has_same_units &= (groups[i] == group) == (groups_[i] == previous);
    result.push_back(!has_same_units ? next_group_id_++ : ids.empty() ? previous : ids[previous]);
  }
  return result;
}

void GatedExpertsLayer::forward(ForwardPass& pass) const {
  Arena& arena = *pass.arena;
  auto* saved = arena.make<Saved>();
  pass.saved = saved;
  pass.take_output(sums_ ? width_ : units_ * width_);
  open_gates(pass, *saved);
  if (pass.step.training && open_weight_ > 0) pass.loss += open_penalty(*saved, pass.rows, arena);
  choose_groups(pass.rows, pass.step.training, *saved, arena);
  // Arrays have the size for all groups of all rows, so that later steps of as many rows need no
  // more memory.
  const Choice& choice = saved->choice;
  saved->routed_rows = routed_rows(pass.inputs[0], saved->dispatch.row_of, choice.num_assignments(),
                                   arena, choice.max_assignments);
  saved->h_stride = round_up(width_, kPanelWidth);
  saved->h = arena.take<float>(choice.max_assignments * saved->h_stride);
  grouped_forward(saved->routed_rows, saved->dispatch.groups, grouped_weights(block_, kernel_, -1),
                  {.y = saved->h, .y_stride = saved->h_stride}, arena);
  units_forward(pass, *saved);
}

// Computes m and dm/dz of every unit. Hard: m = g if open, else 0, and dm/dz likewise.
// Straight-through: the same m, with the derivative of g everywhere. Soft, in training only: m = g
// q with q = sigmoid((g - tau) / T).
void GatedExpertsLayer::open_gates(ForwardPass& pass, Saved& saved) const {
  Arena& arena = *pass.arena;
  const bool training = pass.step.training;
  saved.gates = const_cast<float*>(gates(pass.inputs[0], pass.rows, saved.gate_stride, arena));
  const Index floats = pass.rows * saved.gate_stride;
  saved.factor = arena.take<float>(floats);
  saved.derivative = training ? arena.take<float>(floats) : nullptr;
  const Index registers = saved.gate_stride / kPanelWidth;
  parallel_for(pass.rows * registers, 40.0, [&](Index begin, Index end) {
    for (Index at = begin * kPanelWidth; at < end * kPanelWidth; at += kPanelWidth)
      open_register(saved, at, training);
  });
}

void GatedExpertsLayer::open_register(const Saved& saved, Index at, bool training) const {
  const Vector zero = Vector::zero(), one = Vector::set(1.0f), tau = Vector::set(threshold_);
  const Vector g = Vector::load(saved.gates + at), derivative = g * (one - g);
  if (training && gate_ == Gate::kSoft) {
    const Vector steepness = Vector::set(1.0f / temperature_);
    const Vector q = sigmoid((g - tau) * steepness);
    (g * q).store(saved.factor + at);
    (derivative * (q + g * q * (one - q) * steepness)).store(saved.derivative + at);
    return;
  }
  select_greater(g, tau, g, zero).store(saved.factor + at);
  if (!training) return;
  (gate_ == Gate::kStraightThrough ? derivative : select_greater(g, tau, derivative, zero))
      .store(saved.derivative + at);
}

// Returns w mean_i (mean_r g_i - rho)^2 and computes its gradient with respect to each g of unit i.
double GatedExpertsLayer::open_penalty(Saved& saved, Index rows, Arena& arena) const {
  saved.penalty_gradient = arena.take<float>(units_);
  double* means = arena.take_zeroed<double>(units_);
  parallel_for(units_, static_cast<double>(rows), [&](Index begin, Index end) {
    for (Index r = 0; r < rows; ++r)
      for (Index i = begin; i < end; ++i) means[i] += saved.gates[r * saved.gate_stride + i];
  });
  double sum = 0;
  for (Index i = 0; i < units_; ++i) {
    const double deviation = means[i] / static_cast<double>(rows) - open_share_;
    sum += deviation * deviation;
    saved.penalty_gradient[i] =
        static_cast<float>(2 * open_weight_ * deviation / static_cast<double>(units_ * rows));
  }
  return open_weight_ * sum / static_cast<double>(units_);
}

// Lists each row's groups, in ascending order: those of the units that are computed for it.
void GatedExpertsLayer::choose_groups(Index rows, bool training, Saved& saved, Arena& arena) const {
  Choice& choice = saved.choice;
  choice.rows = rows;
  choice.max_assignments = rows * group_count_;
  saved.position = arena.take<Index>(choice.max_assignments);
  const bool all = computes_all(training);
  const double work = static_cast<double>(units_ + group_count_);
  parallel_for(rows, work, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      Index* position = saved.position + r * group_count_;
      std::fill_n(position, group_count_, all ? 0 : -1);
      const float* factor = saved.factor + r * saved.gate_stride;
      for (Index i = 0; i < units_ && !all; ++i)
        if (factor[i] > 0) position[groups_[i]] = 0;
    }
  });
  choice.offsets = arena.take<Index>(rows + 1);
  choice.experts = arena.take<std::int32_t>(choice.max_assignments);
  choice.offsets[0] = 0;
  for (Index r = 0; r < rows; ++r) {
    Index assignment = choice.offsets[r];
    for (Index c = 0; c < group_count_; ++c)
      if (saved.position[r * group_count_ + c] == 0)
        choice.experts[assignment++] = static_cast<std::int32_t>(c);
    choice.offsets[r + 1] = assignment;
  }
  saved.dispatch = make_dispatch(choice, group_count_, arena);
  parallel_for(rows, static_cast<double>(group_count_), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r)
      for (Index assignment = choice.offsets[r]; assignment < choice.offsets[r + 1]; ++assignment)
        saved.position[r * group_count_ + choice.experts[assignment]] =
            saved.dispatch.position_of[assignment];
  });
}

void GatedExpertsLayer::units_forward(ForwardPass& pass, const Saved& saved) const {
  const double work = static_cast<double>(pass.output.stride + units_);
  parallel_for(pass.rows, work, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      float* y = pass.output.data + r * pass.output.stride;
      std::fill_n(y, sums_ ? width_ : units_ * width_, 0.0f);
      for (Index i = 0; i < units_; ++i) {
        const float factor = saved.factor[r * saved.gate_stride + i];
        if (factor == 0) continue;
        const GatedUnit unit{saved.h_of(r, groups_[i], group_count_), block_.slice(scale_, i),
                             block_.slice(bias_, i), factor};
        gated_unit_forward(activation_, unit, y + (sums_ ? 0 : i * width_), width_, sums_);
      }
    }
  });
}

void GatedExpertsLayer::backward(BackwardPass& pass) {
  const auto& saved = *static_cast<const Saved*>(pass.saved);
  Arena& arena = *pass.arena;
  float* d_gates = arena.take_zeroed<float>(pass.rows * saved.gate_stride);
  float* d_h = arena.take<float>(pass.rows * group_count_ * saved.h_stride);
  units_backward(pass, saved, d_gates, d_h);
  if (pass.sink) update_units(pass, saved);

  GradientSlot& slot = pass.d_inputs[0];
  const Groups rows = all_rows(pass.rows, arena);
  if (slot.data) {
    grouped_input_gradient(
        d_gates, saved.gate_stride, rows, grouped_weights(block_, gate_kernel_, -1),
        {.d_x = slot.data, .stride = slot.stride, .accumulate = slot.accumulate}, arena);
    grouped_input_gradient(d_h, saved.h_stride, saved.dispatch.groups,
                           grouped_weights(block_, kernel_, -1),
                           {.d_x = slot.data,
                            .stride = slot.stride,
                            .target = saved.dispatch.row_of,
                            .accumulate = true},
                           arena);
    slot.accumulate = true;
  }
  if (!pass.sink) return;
  grouped_weight_gradient(saved.routed_rows, d_h, saved.h_stride, saved.dispatch.groups, block_,
                          kernel_, -1, *pass.sink, arena);
  grouped_weight_gradient(pass.inputs[0], d_gates, saved.gate_stride, rows, block_, gate_kernel_,
                          gate_bias_, *pass.sink, arena);
}

// Computes the gradients of z, the input of a gate's sigmoid, and of h.
void GatedExpertsLayer::units_backward(BackwardPass& pass, const Saved& saved, float* d_gates,
                                       float* d_h) const {
  const double work = static_cast<double>(pass.d_output_stride * 2 + units_);
  parallel_for(pass.rows, work, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      for (Index assignment = saved.choice.offsets[r]; assignment < saved.choice.offsets[r + 1];
           ++assignment)
        std::fill_n(d_h + saved.dispatch.position_of[assignment] * saved.h_stride, saved.h_stride,
                    0.0f);
      const float* d_y = pass.d_output + r * pass.d_output_stride;
      for (Index i = 0; i < units_; ++i) {
        const Index at = r * saved.gate_stride + i;
        if (saved.penalty_gradient) {
          const float g = saved.gates[at];
          d_gates[at] = saved.penalty_gradient[i] * g * (1 - g);
        }
        if (saved.factor[at] == 0 && saved.derivative[at] == 0) continue;
        const Index position = saved.position[r * group_count_ + groups_[i]];
        const GatedUnit unit{saved.h + position * saved.h_stride, block_.slice(scale_, i),
                             block_.slice(bias_, i), saved.factor[at]};
        const float d_factor =
            gated_unit_backward(activation_, unit, d_y + (sums_ ? 0 : i * width_),
                                d_h + position * saved.h_stride, width_);
        d_gates[at] += d_factor * saved.derivative[at];
      }
    }
  });
}

// Threads split the units, so each sum accumulates rows in order. A unit that is shut in all rows
// is skipped, or updated with a zero gradient if `sink->updates_inactive()`.
void GatedExpertsLayer::update_units(BackwardPass& pass, const Saved& saved) const {
  Arena& arena = *pass.arena;
  auto* targets = arena.take<UpdateTarget>(2 * units_);
  bool* needs_update = arena.take<bool>(units_);
  for (Index i = 0; i < units_; ++i) {
    needs_update[i] = pass.sink->updates_inactive();
    for (Index r = 0; r < pass.rows && !needs_update[i]; ++r)
      needs_update[i] = saved.factor[r * saved.gate_stride + i] != 0;
    if (!needs_update[i]) continue;
    targets[2 * i] = pass.sink->begin(scale_, i);
    targets[2 * i + 1] = pass.sink->begin(bias_, i);
  }
  const Index stride = round_up(width_, kPanelWidth);
  const ThreadScratch scratch(2 * stride, arena);
  const auto update = [&](Index begin, Index end, int thread) {
    float* d_scale = scratch.of(thread);
    float* d_bias = d_scale + stride;
    for (Index i = begin; i < end; ++i) {
      if (!needs_update[i]) continue;
      std::fill_n(d_scale, 2 * stride, 0.0f);
      for (Index r = 0; r < pass.rows; ++r) {
        const float factor = saved.factor[r * saved.gate_stride + i];
        if (factor == 0) continue;
        const GatedUnit unit{saved.h_of(r, groups_[i], group_count_), block_.slice(scale_, i),
                             block_.slice(bias_, i), factor};
        const float* d_y = pass.d_output + r * pass.d_output_stride + (sums_ ? 0 : i * width_);
        gated_unit_gradient(activation_, unit, d_y, d_scale, d_bias, width_);
      }
      apply_update(targets[2 * i], 0, d_scale, width_);
      apply_update(targets[2 * i + 1], 0, d_bias, width_);
    }
  };
  parallel_for(units_, static_cast<double>(pass.rows * width_ * 4), update, scratch.threads());
}

namespace {
const bool registered = Registry<Layer>::add<GatedExpertsLayer>("gated_experts");
}  // namespace

}  // namespace gatewise
