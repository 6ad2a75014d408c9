#include <algorithm>

#include "codes/dictionary_rows.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "layers/sparse_dictionary_saved.h"

namespace gatewise {
namespace {

// to = scale from (+ base), [floats].
void set_gradients(const float* from, float scale, const float* base, float* to, Index floats) {
  parallel_for(ceil_divide(floats, kPanelWidth), kPanelWidth, [&](Index begin, Index end) {
    const Index first = begin * kPanelWidth, count = std::min(end * kPanelWidth, floats) - first;
    set_scaled(from + first, scale, to + first, count);
    if (base) add_scaled(base + first, 1.0f, to + first, count);
  });
}

double sum_in_order(const float* values, Index count) {
  double sum = 0;
  for (Index i = 0; i < count; ++i) sum += values[i];
  return sum;
}

}  // namespace

LatentGroups SparseDictionary::groups(const Saved& saved) const {
  if (!saved.d_prefixes) return {prefixes_.data() + prefixes_.size() - 1, 1};
  return {prefixes_.data(), static_cast<Index>(prefixes_.size())};
}

// Gradients of z W_d, s times those of y, in blocks of `rows` rows: one for each group of latents,
// one for dead latents if there are any, and an unset one for each step except the last.
float* SparseDictionary::scaled_gradients(const BackwardPass& pass, const Saved& saved) const {
  const Index block = pass.rows * stride(), groups = this->groups(saved).count;
  const Index steps = activation_->steps(), blocks = groups + (saved.d_dead != nullptr) + steps - 1;
  const float s = scale();
  float* d_rows = blocks == 1 ? pass.d_output : pass.arena->take<float>(blocks * block);
  float* last = d_rows + (groups - 1) * block;
  set_gradients(pass.d_output, s, nullptr, last, block);
  for (Index g = groups - 2; g >= 0; --g)
    set_gradients(saved.d_prefixes + g * block, s, d_rows + (g + 1) * block, d_rows + g * block,
                  block);
  if (saved.d_dead) set_gradients(saved.d_dead, s, nullptr, last + block, block);
  return d_rows;
}

void SparseDictionary::backward(BackwardPass& pass) {
  auto& saved = *static_cast<Saved*>(pass.saved);
  Arena& arena = *pass.arena;
  float* d_rows = scaled_gradients(pass, saved);
  auto* terms = arena.take<CodeTerm>(1 + activation_->steps());
  const Index count = make_terms(pass, saved, d_rows, terms);
  if (pass.d_inputs[0].data) add_input_gradient(saved, terms, count, pass.d_inputs[0], arena);
  if (!pass.sink) return;
  saved.d_rows = d_rows;
  saved.sorted = sort_terms(terms, count, latents_, arena);
  update(pass, saved, terms[0]);
}

// Fills the terms of the code, of dead latents and of earlier steps; returns their count.
Index SparseDictionary::make_terms(BackwardPass& pass, Saved& saved, float* d_rows,
                                   CodeTerm* terms) const {
  Arena& arena = *pass.arena;
  const Index rows = pass.rows, block = rows * stride();
  Index count = 0, next_block = groups(saved).count;
  terms[count++] = main_term(pass, saved, d_rows);
  if (saved.d_dead) {
    const Codes& codes = saved.dead;
    float* gradients = arena.take<float>(codes.nonzeros());
    decoder_input_gradient(codes, d_rows + next_block * block, stride(), block_.slice(decoder_),
                           decoder_stride(), width_, gradients);
    CodeTerm term;
    term.codes = codes;
    term.values = codes.values;
    term.gradients = term.bias_gradients = gradients;
    term.d_row = next_block++ * rows;
    terms[count++] = term;
  }
  const Index steps = activation_->steps();
  if (steps == 1) return count;
  float** earlier = arena.take<float*>(steps - 1);
  const CodeInput input = code_input(saved.u, rows, true);
  activation_->backward_steps(
      input, saved.run,
      {.values = terms[0].gradients, .d_rows = d_rows + next_block * block, .earlier = earlier},
      arena);
  for (Index t = 0; t < steps - 1; ++t) {
    CodeTerm term;
    term.codes = saved.run.earlier[t];
    term.values = term.codes.values;
    term.gradients = term.bias_gradients = earlier[t];
    term.u_row = t * rows;
    term.d_row = (next_block + t) * rows;
    terms[count++] = term;
  }
  return count;
}

CodeTerm SparseDictionary::main_term(BackwardPass& pass, Saved& saved, const float* d_rows) const {
  Arena& arena = *pass.arena;
  const Index rows = pass.rows;
  const Codes& codes = saved.codes;
  const LatentGroups groups = this->groups(saved);
  const float* decoder = block_.slice(decoder_);
  float* gradients = arena.take<float>(codes.nonzeros());
  if (groups.count == 1) {
    decoder_input_gradient(codes, d_rows, stride(), decoder, decoder_stride(), width_, gradients);
  } else {
    parallel_for(rows, static_cast<double>(width_ * 32), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero) {
          const std::int32_t latent = codes.latents[nonzero];
          gradients[nonzero] = dot(d_rows + (groups.of(latent) * rows + i) * stride(),
                                   decoder + latent * decoder_stride(), width_);
        }
    });
  }
  if (router_) expert_weights_backward(pass, saved, gradients);
  CodeGradients code_gradients;
  code_gradients.values = gradients;
  if (saved.run.gate_values) {
    float* gates = arena.take<float>(codes.nonzeros());
    if (saved.d_gates) {
      set_gradients(saved.d_gates, scale(), nullptr, saved.d_gates, rows * stride());
      decoder_input_gradient(codes, saved.d_gates, stride(), decoder, decoder_stride(), width_,
                             gates);
    } else {
      std::fill_n(gates, codes.nonzeros(), 0.0f);
    }
    code_gradients.gate_values = gates;
  }
  activation_->backward(saved.run, block_, code_gradients, arena);
  CodeTerm term;
  term.codes = codes;
  term.values = codes.values;
  term.gradients = code_gradients.values;
  term.bias_gradients = code_gradients.bias ? code_gradients.bias : code_gradients.values;
  term.parameter_gradients[0] = code_gradients.parameter_gradients[0];
  term.parameter_gradients[1] = code_gradients.parameter_gradients[1];
  term.u_row = (activation_->steps() - 1) * rows;
  term.groups = groups;
  return term;
}

// Converts the gradients of p z to those of z, and passes the gradient of each row's p to the
// router.
void SparseDictionary::expert_weights_backward(BackwardPass& pass, Saved& saved,
                                               float* gradients) const {
  Arena& arena = *pass.arena;
  const Codes& codes = saved.run.codes;
  float* d_weights = arena.take<float>(codes.rows);
  for (Index i = 0; i < codes.rows; ++i) {
    float sum = 0;
    for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero) {
      sum += codes.values[nonzero] * gradients[nonzero];
      gradients[nonzero] *= saved.factors[nonzero];
    }
    d_weights[i] = sum;
  }
  float* d_u = arena.take_zeroed<float>(codes.rows * stride());
  saved.d_u_routed = d_u;
  router_->backward({.dense = {saved.u, stride()}, .width = width_}, saved.routing, d_weights,
                    block_, {d_u, stride()}, pass.sink, arena);
}

void SparseDictionary::update(BackwardPass& pass, Saved& saved, const CodeTerm& main) const {
  UpdateSink& sink = *pass.sink;
  const SortedTerms& sorted = saved.sorted;
  update_bias(pass, saved);  // reads the encoder as it was
  saved.inactive = inactive_experts(saved, sink, *pass.arena);
  DictionaryTargets targets = this->targets(saved, sink.begin(decoder_, 0));
  saved.stored = targets.decoder.rule.use == GradientUse::kStore;
  if (!tied_) targets.encoder = sink.begin(encoder_, 0);
  if (targets.measures()) targets.squares = pass.arena->take_zeroed<float>(2 * latents_);
  update_latents(sorted.nonzeros, saved.u, saved.d_rows, stride(), targets, *pass.arena);
  if (targets.measures()) {
    sink.measured(encoder_, sum_in_order(targets.squares, latents_));
    sink.measured(decoder_, sum_in_order(targets.squares + latents_, latents_));
  }
  update_vector(sink, encoder_bias_, sorted.bias_sums, saved);
  for (int o = 0; o < 2; ++o) {
    saved.parameter_indices[o] =
        main.parameter_gradients[o].gradients ? main.parameter_gradients[o].parameter : -1;
    if (main.parameter_gradients[o].gradients)
      update_vector(sink, main.parameter_gradients[o].parameter, sorted.parameter_sums[o], saved);
  }
}

void SparseDictionary::update_measured(void* memory, UpdateSink& sink, Arena& arena) {
  auto& saved = *static_cast<Saved*>(memory);
  DictionaryTargets targets = this->targets(saved, sink.begin_measured(decoder_));
  if (!tied_) targets.encoder = sink.begin_measured(encoder_);
  update_latents(saved.sorted.nonzeros, saved.u, saved.d_rows, stride(), targets, arena);
  update_measured_vector(encoder_bias_, saved.sorted.bias_sums, saved, sink, arena);
  for (int o = 0; o < 2; ++o)
    if (saved.parameter_indices[o] >= 0)
      update_measured_vector(saved.parameter_indices[o], saved.sorted.parameter_sums[o], saved,
                             sink, arena);
}

void SparseDictionary::update_measured_vector(int parameter, const float* sums, const Saved& saved,
                                              UpdateSink& sink, Arena& arena) const {
  const UpdateTarget target = sink.begin_measured(parameter);
  float* scaled = arena.take<float>(round_up(latents_, kPanelWidth));
  set_scaled(sums, target.gradient_scale, scaled, latents_);
  apply_to_latents(target, scaled, saved);
}

DictionaryTargets SparseDictionary::targets(const Saved& saved, const UpdateTarget& decoder) const {
  DictionaryTargets targets{.encoder_shape = block_.at(encoder_).shape,
                            .decoder_rows = block_.slice(decoder_),
                            .decoder_stride = decoder_stride(),
                            .decoder = decoder,
                            .is_tied = tied_,
                            .unit_norm = unit_norm_,
                            .lazy = lazy_,
                            .inactive = saved.inactive};
  if (router_) targets.expert_panels = targets.encoder_shape.panels() / router_->experts();
  // Every update of the decoder also writes a tied encoder, which is in the same block.
  if (tied_ && targets.writes())
    targets.tied_encoder = decoder.weights + (block_.slice(encoder_) - block_.slice(decoder_));
  return targets;
}

// [experts] true for inactive experts that are not updated; null if there are none.
const char* SparseDictionary::inactive_experts(const Saved& saved, UpdateSink& sink,
                                               Arena& arena) const {
  if (!router_ || sink.updates_inactive()) return nullptr;
  char* inactive = arena.take<char>(router_->experts());
  for (Index e = 0; e < router_->experts(); ++e) inactive[e] = saved.routing.counts[e] == 0;
  return inactive;
}

void SparseDictionary::update_vector(UpdateSink& sink, int parameter, const float* sums,
                                     const Saved& saved) const {
  const UpdateTarget target = sink.begin(parameter, 0);
  if (target.rule.use == GradientUse::kMeasure)
    sink.measured(parameter, dot(sums, sums, latents_));  // 0 for inactive experts
  else
    apply_to_latents(target, sums, saved);
}

// Updates a vector [latents] except for inactive experts; with lazy updates, only latents with
// nonzeros.
void SparseDictionary::apply_to_latents(const UpdateTarget& target, const float* sums,
                                        const Saved& saved) const {
  const Groups& groups = saved.sorted.nonzeros.groups;
  if (lazy_) {
    for (Index latent = 0; latent < latents_; ++latent)
      if (groups.rows(latent) > 0) apply_update(target, latent, sums + latent, 1);
    return;
  }
  const Index experts = router_ ? router_->experts() : 1, each = latents_ / experts;
  for (Index e = 0; e < experts; ++e)
    if (!saved.inactive || !saved.inactive[e])
      apply_update(target, e * each, sums + e * each, each);
}

// Returns W_e sum_i d_h_i [d]; columns of inactive experts are not read.
float* SparseDictionary::bias_through_encoder(const Saved& saved, Arena& arena) const {
  const float* sums = saved.sorted.gradient_sums;
  float* result = arena.take_zeroed<float>(stride());
  const Panels encoder = block_.panels(encoder_);
  const Index experts = router_ ? router_->experts() : 1, each = latents_ / experts;
  for (Index e = 0; e < experts; ++e) {
    if (router_ && saved.routing.counts[e] == 0) continue;
    const Panels own{encoder.panel(e * each / kPanelWidth), {width_, each}};
    grouped_input_gradient(sums + e * each, 0, all_rows(1, arena), {.first = own},
                           {.d_x = result, .stride = stride(), .accumulate = true}, arena);
  }
  return result;
}

// d_b = sum_i d_y_i over every prefix's y, minus sum_i d_u_i if b is subtracted before the encoder.
// The latter is W_e sum_i d_h_i plus the router's part.
void SparseDictionary::update_bias(BackwardPass& pass, const Saved& saved) const {
  Arena& arena = *pass.arena;
  float* gradient = arena.take_zeroed<float>(stride());
  if (subtract_bias_) {
    set_scaled(bias_through_encoder(saved, arena), -1.0f, gradient, width_);
  }
  const float* d_u = subtract_bias_ ? saved.d_u_routed : nullptr;
  const Index blocks = ceil_divide(width_, kPanelWidth);
  parallel_for(blocks, static_cast<double>(pass.rows * kPanelWidth), [&](Index begin, Index end) {
    const Index column = begin * kPanelWidth;
    const Index columns = std::min(end * kPanelWidth, width_) - column;
    for (Index i = 0; i < pass.rows; ++i) {
      add_scaled(saved.d_rows + i * stride() + column, 1.0f, gradient + column, columns);
      if (d_u) add_scaled(d_u + i * stride() + column, -1.0f, gradient + column, columns);
    }
  });
  apply_update(pass.sink->begin(decoder_bias_, 0), 0, gradient, width_);
}

// d_x = d_u / s, the gradient of the unscaled loss, with d_u = W_e d_h over the nonzeros of every
// term.
void SparseDictionary::add_input_gradient(const Saved& saved, const CodeTerm* terms, Index count,
                                          const GradientSlot& slot, Arena& arena) const {
  const Panels encoder = block_.panels(encoder_);
  const float inverse = 1.0f / scale();
  const Index rows = terms[0].codes.rows;
  float* sums = arena.take<float>(rows * stride());
  parallel_for(rows, static_cast<double>(64 * width_), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* d_u = sums + i * stride();
      if (saved.d_u_routed)
        std::copy_n(saved.d_u_routed + i * stride(), width_, d_u);
      else
        std::fill_n(d_u, width_, 0.0f);
      for (Index t = 0; t < count; ++t)
        add_encoder_columns(encoder, terms[t].codes, terms[t].gradients, 1.0f, i, d_u);
      set_scaled(d_u, inverse, d_u, width_);
      copy_or_add(d_u, slot.data + i * slot.stride, width_, slot.accumulate);
    }
  });
}

}  // namespace gatewise
