#include "layers/dictionary/dictionary_update.h"

#include <algorithm>

#include "kernels/reduce.h"
#include "kernels/rows.h"

namespace gatewise {
namespace {

double sum_in_order(const float* values, Index count) {
  double sum = 0;
  for (Index i = 0; i < count; ++i) sum += values[i];
  return sum;
}

// Null if there is one expert, or if the sink updates inactive ones as well.
const char* find_inactive(const Index* expert_rows, Index experts, const UpdateSink& sink,
                          Arena& arena) {
  if (!expert_rows || sink.updates_inactive()) return nullptr;
  char* inactive = arena.take<char>(experts);
  for (Index e = 0; e < experts; ++e) inactive[e] = expert_rows[e] == 0;
  return inactive;
}

}  // namespace

DictionaryArrays DictionaryParameters::arrays(const ParameterBlock& block) const {
  return {.encoder = block.stored_panels(encoder),
          .encoder_bias = block.slice(encoder_bias),
          .decoder = block.stored_rows(decoder),
          .decoder_bias = block.slice(decoder_bias),
          .center = block.slice(center),
          .scale = block.slice(scale)[0],
          .rows_since_active = block.slice(rows_since_active)};
}

DictionaryUpdate::DictionaryUpdate(ParameterBlock& block, const DictionaryParameters& parameters,
                                   const DictionaryGradients& gradients, UpdateSink& sink,
                                   Arena& arena)
    : block_(block),
      parameters_(parameters),
      gradients_(gradients),
      sink_(sink),
      arena_(arena),
      arrays_(parameters.arrays(block)),
      inactive_(find_inactive(gradients.expert_rows, parameters.experts, sink, arena)) {}

bool DictionaryUpdate::apply() const {
  const SortedTerms& sorted = gradients_.sorted;
  update_bias();  // reads the encoder as it was
  DictionaryTargets targets = this->targets(sink_.begin(parameters_.decoder, 0));
  if (!parameters_.tied) targets.encoder = sink_.begin(parameters_.encoder, 0);
  if (targets.measures()) targets.squares = arena_.take_zeroed<float>(2 * latents());
  update_latents(sorted.nonzeros, gradients_.u, gradients_.d_rows, arrays_.stride(), targets,
                 arena_);
  if (targets.measures()) {
    sink_.measured(parameters_.encoder, sum_in_order(targets.squares, latents()));
    sink_.measured(parameters_.decoder, sum_in_order(targets.squares + latents(), latents()));
  }
  update_vector(parameters_.encoder_bias, sorted.bias_sums);
  for (int o = 0; o < 2; ++o)
    if (gradients_.activation_parameters[o] >= 0)
      update_vector(gradients_.activation_parameters[o], sorted.parameter_sums[o]);
  return targets.decoder.rule.use == GradientUse::kStore;
}

void DictionaryUpdate::apply_measured() const {
  const SortedTerms& sorted = gradients_.sorted;
  DictionaryTargets targets = this->targets(sink_.begin_measured(parameters_.decoder));
  if (!parameters_.tied) targets.encoder = sink_.begin_measured(parameters_.encoder);
  update_latents(sorted.nonzeros, gradients_.u, gradients_.d_rows, arrays_.stride(), targets,
                 arena_);
  update_measured_vector(parameters_.encoder_bias, sorted.bias_sums);
  for (int o = 0; o < 2; ++o)
    if (gradients_.activation_parameters[o] >= 0)
      update_measured_vector(gradients_.activation_parameters[o], sorted.parameter_sums[o]);
}

void DictionaryUpdate::finish_stored(ParameterBlock& block, const DictionaryParameters& parameters,
                                     bool unit_norm, Arena& arena) {
  const DictionaryArrays arrays = parameters.arrays(block);
  if (unit_norm)
    normalize_rows(block.slice(parameters.decoder), arrays.decoder.stride, arrays.latents(),
                   arrays.width());
  if (parameters.tied)
    transpose_to_encoder(arrays.decoder.float32(), arrays.decoder.stride, arrays.encoder.shape,
                         block.slice(parameters.encoder), arena);
}

DictionaryTargets DictionaryUpdate::targets(const UpdateTarget& decoder) const {
  DictionaryTargets targets{.encoder_shape = arrays_.encoder.shape,
                            .decoder_rows = arrays_.decoder.float32(),
                            .decoder_stride = arrays_.decoder.stride,
                            .decoder = decoder,
                            .is_tied = parameters_.tied,
                            .unit_norm = parameters_.unit_norm,
                            .lazy = parameters_.lazy,
                            .inactive = inactive_};
  if (gradients_.expert_rows)
    targets.expert_panels = targets.encoder_shape.panels() / parameters_.experts;
  // Every update of the decoder also writes a tied encoder, which is in the same block.
  if (parameters_.tied && targets.writes())
    targets.tied_encoder =
        decoder.weights + (arrays_.encoder.float32().data - arrays_.decoder.float32());
  return targets;
}

void DictionaryUpdate::update_vector(int parameter, const float* sums) const {
  const UpdateTarget target = sink_.begin(parameter, 0);
  if (target.rule.use == GradientUse::kMeasure)
    sink_.measured(parameter, dot(sums, sums, latents()));  // 0 for inactive experts
  else
    apply_to_latents(target, sums);
}

void DictionaryUpdate::update_measured_vector(int parameter, const float* sums) const {
  const UpdateTarget target = sink_.begin_measured(parameter);
  float* scaled = arena_.take<float>(round_up(latents(), kPanelWidth));
  set_scaled(sums, target.gradient_scale, scaled, latents());
  apply_to_latents(target, scaled);
}

// Updates a vector [latents] except for inactive experts; with lazy updates, only latents with
// nonzeros.
void DictionaryUpdate::apply_to_latents(const UpdateTarget& target, const float* sums) const {
  if (parameters_.lazy) {
    const Groups& groups = gradients_.sorted.nonzeros.groups;
    for (Index latent = 0; latent < latents(); ++latent)
      if (groups.rows(latent) > 0) apply_update(target, latent, sums + latent, 1);
    return;
  }
  const Index each = latents_per_expert();
  for (Index e = 0; e < parameters_.experts; ++e)
    if (!inactive_ || !inactive_[e]) apply_update(target, e * each, sums + e * each, each);
}

// Returns W_e sum_i d_h_i [width]; columns of inactive experts are not read.
float* DictionaryUpdate::bias_through_encoder() const {
  const float* sums = gradients_.sorted.gradient_sums;
  float* result = arena_.take_zeroed<float>(arrays_.stride());
  const Index each = latents_per_expert();
  for (Index e = 0; e < parameters_.experts; ++e) {
    if (gradients_.expert_rows && gradients_.expert_rows[e] == 0) continue;
    const Panels own{arrays_.encoder.float32().panel(e * each / kPanelWidth),
                     {arrays_.width(), each}};
    grouped_input_gradient(sums + e * each, 0, all_rows(1, arena_), {.first = own},
                           {.d_x = result, .stride = arrays_.stride(), .accumulate = true}, arena_);
  }
  return result;
}

// d_b = sum_i d_y_i over every prefix's y, minus sum_i d_u_i if b is subtracted before the encoder.
// The latter is W_e sum_i d_h_i plus the router's part.
void DictionaryUpdate::update_bias() const {
  const Index width = arrays_.width(), stride = arrays_.stride();
  float* gradient = arena_.take_zeroed<float>(stride);
  if (parameters_.subtract_bias) set_scaled(bias_through_encoder(), -1.0f, gradient, width);
  const float* d_u = parameters_.subtract_bias ? gradients_.d_u_routed : nullptr;
  const Index blocks = ceil_divide(width, kPanelWidth);
  const auto operations = static_cast<double>(gradients_.rows * kPanelWidth);
  parallel_for(blocks, operations, [&](Index begin, Index end) {
    const Index column = begin * kPanelWidth;
    const Index columns = std::min(end * kPanelWidth, width) - column;
    for (Index i = 0; i < gradients_.rows; ++i) {
      add_scaled(gradients_.d_rows + i * stride + column, 1.0f, gradient + column, columns);
      if (d_u) add_scaled(d_u + i * stride + column, -1.0f, gradient + column, columns);
    }
  });
  apply_update(sink_.begin(parameters_.decoder_bias, 0), 0, gradient, width);
}

}  // namespace gatewise
