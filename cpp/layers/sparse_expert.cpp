#include "layers/sparse_expert.h"

#include <algorithm>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "layers/activation_output.h"
#include "layers/member_rows.h"
#include "layers/parameter_values.h"
#include "layers/routed_rows.h"
#include "routing/member_routers.h"

namespace gatewise {

struct SparseExpertLayer::Saved {
  RouterRun routing;
  Dispatch dispatch;
  Input routed_rows;         // the input rows in dispatch order
  const void* expert_saved;  // of the experts' forward
  float* expert_outputs;     // [assignments, units]
  Input shared_rows;         // the input rows, once for each shared expert
  Groups shared_groups;
  const void* shared_saved;
  float* shared_outputs;  // [shared experts * rows, units]
  float* pre_activation;  // like the output, if the derivative needs it
  bool updates_all;       // whether the step updates inactive experts
};

SparseExpertLayer::SparseExpertLayer(const Options& options)
    : units_(options.integer("units")),
      members_(options.has("members") ? members_from(options) : 1),
      experts_(members_ * options.integer("num_experts")),
      shared_count_(options.integer("shared_experts")),
      activation_(activation_from_name(options.text("activation"))),
      use_bias_(options.flag("use_bias")) {
  set_kernel_storage(options);
  require(units_ >= 1, "units: expected at least 1, got ", units_);
  require(shared_count_ >= 0, "shared_experts: expected at least 0, got ", shared_count_);
  if (members_ > 1)
    router_ = std::make_unique<MemberRouters>(options, members_);
  else
    router_ = Registry<Router>::create(options.text("router.kind"), options);
  expert_ = Registry<Expert>::create(options.text("expert.kind"), options);
  output_sum_scorer_ = dynamic_cast<OutputSumScorer*>(router_.get());
  require(!output_sum_scorer_ || (options.text("expert.kind") == "linear" &&
                                  options.text("expert.activation") == "linear"),
          "expert: expected linear experts, whose output sums are known without running them, got ",
          options.text("expert.kind"));
  if (shared_count_ > 0) shared_ = Registry<Expert>::create(options.text("expert.kind"), options);
}

Index SparseExpertLayer::declare(const std::vector<Index>& widths) {
  require(widths.size() == 1, "SparseExpertLayer: expected one input, got ", widths.size());
  const bool own_bias = use_bias_ && !router_->has_shared_bias();
  expert_->declare(block_, "", experts_, widths[0], units_, own_bias);
  if (shared_) shared_->declare(block_, "shared_", shared_count_, widths[0], units_, own_bias);
  router_->declare(block_, widths[0]);
  if (output_sum_scorer_) output_sums_ = AlignedBuffer(experts_ * round_up(widths[0], kPanelWidth));
  if (use_bias_ && !own_bias) output_bias_ = block_.add_vector("output_bias", "bias", units_);
  return units_;
}

RouterRun SparseExpertLayer::route(const Input& x, Index rows, Arena& arena) const {
  return router_->forward(x, rows, block_, RunInfo{}, arena);
}

void SparseExpertLayer::forward(ForwardPass& pass) const {
  Arena& arena = *pass.arena;
  const Input& x = pass.inputs[0];
  auto* saved = arena.make<Saved>();
  pass.saved = saved;
  pass.take_output(units_);

  const RunInfo info{pass.step.training, seed_, pass.step.stream(stream_), pass.step.number,
                     pass.step.draws_noise};
  saved->routing = router_->forward(x, pass.rows, block_, info, arena);
  pass.loss += saved->routing.loss;
  saved->dispatch = make_dispatch(saved->routing.choice, experts_, arena);
  const Index num_assignments = saved->routing.choice.num_assignments();
  saved->routed_rows = routed_rows(x, saved->dispatch.row_of, num_assignments, arena);
  saved->expert_outputs = arena.take<float>(num_assignments * pass.output.stride);
  saved->expert_saved =
      expert_->forward(saved->routed_rows, saved->dispatch.groups, block_, saved->expert_outputs,
                       pass.output.stride, pass.step.training, arena);
  if (shared_) shared_forward(pass, *saved);

  const Activation activation = pass.skip_activation ? Activation::kLinear : activation_;
  if (pass.step.training && derivative_needs_input(activation))
    saved->pre_activation = arena.take<float>(pass.rows * pass.output.stride);
  combine(pass, *saved, activation);
}

// Every row goes to every shared expert: one group of all rows per shared expert.
void SparseExpertLayer::shared_forward(ForwardPass& pass, Saved& saved) const {
  Arena& arena = *pass.arena;
  const Index num_assignments = shared_count_ * pass.rows;
  Index* rows = arena.take<Index>(num_assignments);
  Index* offsets = arena.take<Index>(shared_count_ + 1);
  for (Index assignment = 0; assignment < num_assignments; ++assignment)
    rows[assignment] = assignment % pass.rows;
  for (Index s = 0; s <= shared_count_; ++s) offsets[s] = s * pass.rows;
  const Input& x = pass.inputs[0];
  saved.shared_rows = routed_rows(x, rows, num_assignments, arena);
  saved.shared_groups = {offsets, shared_count_};
  saved.shared_outputs = arena.take<float>(num_assignments * pass.output.stride);
  saved.shared_saved =
      shared_->forward(saved.shared_rows, saved.shared_groups, block_, saved.shared_outputs,
                       pass.output.stride, pass.step.training, arena);
}

// Gathers in the order of a row's assignments, so that the order of the sum depends on the row
// only.
void SparseExpertLayer::combine(ForwardPass& pass, const Saved& saved,
                                Activation activation) const {
  const Choice& choice = saved.routing.choice;
  const Index stride = pass.output.stride;
  const double work = static_cast<double>(units_ * (router_->per_row() + shared_count_ + 2));
  parallel_for(pass.rows, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* y = pass.output.data + i * stride;
      if (output_bias_ >= 0)
        std::copy_n(block_.slice(output_bias_), units_, y);
      else
        std::fill_n(y, units_, 0.0f);
      for (Index assignment = choice.offsets[i]; assignment < choice.offsets[i + 1]; ++assignment)
        add_scaled(saved.expert_outputs + saved.dispatch.position_of[assignment] * stride,
                   choice.weights[assignment], y, units_);
      for (Index s = 0; s < shared_count_; ++s)
        add_scaled(saved.shared_outputs + (s * pass.rows + i) * stride, 1.0f, y, units_);
      if (saved.pre_activation) std::copy_n(y, units_, saved.pre_activation + i * stride);
    }
  });
  activate_rows(activation, pass.output.data, pass.output.data, pass.rows, units_, stride);
}

void SparseExpertLayer::backward(BackwardPass& pass) {
  auto& saved = *static_cast<Saved*>(pass.saved);
  saved.updates_all = pass.sink && pass.sink->updates_inactive();
  Arena& arena = *pass.arena;
  if (!pass.skip_activation)
    activate_rows_backward(activation_, saved.pre_activation, pass.output->data,
                           pass.output->stride, pass.d_output, pass.d_output, pass.d_output_stride,
                           pass.rows, units_);
  GradientSlot& slot = pass.d_inputs[0];
  if (slot.data && !slot.accumulate) {
    const Index width = pass.inputs[0].width;
    parallel_for(pass.rows, static_cast<double>(width) / 8, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) std::fill_n(slot.data + i * slot.stride, width, 0.0f);
    });
    slot.accumulate = true;
  }
  float* d_weights = arena.take<float>(saved.routing.choice.num_assignments());
  chosen_backward(pass, saved, d_weights);
  if (shared_) shared_backward(pass, saved);
  if (output_bias_ >= 0 && pass.sink)
    grouped_bias_gradient(pass.d_output, pass.d_output_stride, all_rows(pass.rows, arena), block_,
                          output_bias_, *pass.sink, arena);
  router_->backward(pass.inputs[0], saved.routing, d_weights, block_, {slot.data, slot.stride},
                    pass.sink, arena);
}

// Computes the gradient of each assignment's weight, d_y . E_j(x), and of its output, w_j d_y.
void SparseExpertLayer::chosen_backward(BackwardPass& pass, const Saved& saved,
                                        float* d_weights) const {
  const Choice& choice = saved.routing.choice;
  const Index stride = pass.d_output_stride;
  float* d_expert_outputs = pass.arena->take<float>(choice.num_assignments() * stride);
  float* d_sums = output_sum_scorer_ ? pass.arena->take<float>(choice.num_assignments()) : nullptr;
  const auto add_output_sum_gradients = [&](Index i) {
    const Index first = choice.offsets[i];
    output_sum_scorer_->output_sums_backward(saved.routing, i, d_weights + first, d_sums + first);
    for (Index assignment = first; assignment < choice.offsets[i + 1]; ++assignment) {
      float* d_expert_output = d_expert_outputs + saved.dispatch.position_of[assignment] * stride;
      for (Index u = 0; u < units_; ++u) d_expert_output[u] += d_sums[assignment];
    }
  };
  const double work = static_cast<double>(units_ * router_->per_row() * 2);
  parallel_for(pass.rows, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float* d_y = pass.d_output + i * stride;
      for (Index assignment = choice.offsets[i]; assignment < choice.offsets[i + 1]; ++assignment) {
        const Index position = saved.dispatch.position_of[assignment];
        d_weights[assignment] =
            dot(d_y, saved.expert_outputs + position * pass.output->stride, units_);
        set_scaled(d_y, choice.weights[assignment], d_expert_outputs + position * stride, units_);
      }
      if (d_sums) add_output_sum_gradients(i);
    }
  });
  const GradientSlot& slot = pass.d_inputs[0];
  const InputGradient d_x{
      .d_x = slot.data, .stride = slot.stride, .target = saved.dispatch.row_of, .accumulate = true};
  expert_->backward(saved.routed_rows, saved.dispatch.groups, d_expert_outputs, stride,
                    saved.expert_saved, block_, d_x, pass.sink, *pass.arena);
}

void SparseExpertLayer::shared_backward(BackwardPass& pass, const Saved& saved) const {
  Arena& arena = *pass.arena;
  const Index stride = pass.d_output_stride, num_assignments = shared_count_ * pass.rows;
  float* d_expert_outputs = arena.take<float>(num_assignments * stride);
  Index* rows = arena.take<Index>(num_assignments);
  for (Index assignment = 0; assignment < num_assignments; ++assignment) {
    rows[assignment] = assignment % pass.rows;
    std::copy_n(pass.d_output + rows[assignment] * stride, units_,
                d_expert_outputs + assignment * stride);
  }
  const GradientSlot& slot = pass.d_inputs[0];
  const InputGradient d_x{
      .d_x = slot.data, .stride = slot.stride, .target = rows, .accumulate = true};
  shared_->backward(saved.shared_rows, saved.shared_groups, d_expert_outputs, stride,
                    saved.shared_saved, block_, d_x, pass.sink, arena);
}

void SparseExpertLayer::start_values() {
  training_load_.assign(static_cast<std::size_t>(experts_), 0);
  if (output_sum_scorer_) stale_sums_.assign(static_cast<std::size_t>(experts_), false);
}

void SparseExpertLayer::finish_step(void* memory, bool updated) {
  const auto& saved = *static_cast<const Saved*>(memory);
  for (std::size_t e = 0; e < training_load_.size(); ++e)
    training_load_[e] += saved.routing.counts[e];
  if (!trainable) return;
  router_->finish_step(saved.routing, block_);
  if (!output_sum_scorer_) return;
  for (std::size_t e = 0; e < stale_sums_.size(); ++e)
    if (saved.updates_all || saved.routing.counts[e] > 0) stale_sums_[e] = true;
  if (!updated) return;
  const PanelShape& shape = block_.find("kernel").shape;
  parallel_for(experts_, static_cast<double>(shape.rows * shape.cols), [&](Index begin, Index end) {
    for (Index e = begin; e < end; ++e)
      if (stale_sums_[e]) sum_outputs(e);
  });
  std::fill(stale_sums_.begin(), stale_sums_.end(), false);
}

void SparseExpertLayer::update_derived_values() {
  if (!output_sum_scorer_) return;
  for (Index e = 0; e < experts_; ++e) sum_outputs(e);
}

// Passes the sums of an expert's kernel over units, and the sum of its bias, to the router.
void SparseExpertLayer::sum_outputs(Index expert) {
  const Parameter& kernel = block_.find("kernel");
  const PanelShape& shape = kernel.shape;
  float* sums = output_sums_.data() + expert * round_up(shape.rows, kPanelWidth);
  if (kernel.storage == Storage::kFloat32) {
    sum_panel_rows({block_.data() + kernel.slice_offset(expert), shape}, sums);
  } else {
    std::vector<float> values(static_cast<std::size_t>(shape.rows * shape.cols));
    read_values(block_, kernel, expert, values.data());
    for (Index i = 0; i < shape.rows; ++i)
      sums[i] = sum_of(values.data() + i * shape.cols, shape.cols);
  }
  float bias_sum = 0;
  if (use_bias_)
    bias_sum = sum_of(block_.data() + block_.find("bias").slice_offset(expert), units_);
  output_sum_scorer_->set_output_sums(expert, sums, bias_sum);
}

namespace {
const bool registered = Registry<Layer>::add<SparseExpertLayer>("sparse_expert");
}  // namespace

}  // namespace gatewise
