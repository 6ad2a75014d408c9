#include "layers/dictionary/sparse_dictionary.h"

#include <algorithm>
#include <sstream>

#include "codes/dictionary_rows.h"
#include "codes/refit_codes.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"

namespace gatewise {

// Values that a forward pass keeps for the backward pass and the end of the step.
struct SparseDictionary::Saved {
  Arena* arena = nullptr;
  float* u = nullptr;  // [steps * rows, stride]
  CodeRun run;
  Codes codes;              // the decoded codes: those of `run`, or of `routed` with weights
  RoutedCodes routed;       // with several experts
  void** losses = nullptr;  // [losses] what each loss saved
  DictionaryGradients gradients;
  bool stored = false;  // updates are applied later; finish_step completes them
};

namespace {

// Parses "64,256,1024".
std::vector<Index> parse_indices(const std::string& text) {
  std::vector<Index> indices;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) indices.push_back(std::stoll(part));
  return indices;
}

// gradients[e] = d_z of each nonzero, from the block of its latent's group.
void code_value_gradients(const Codes& codes, const LossGradients& from, float* gradients) {
  const DictionaryArrays& arrays = from.arrays;
  if (from.groups.count == 1)
    return decoder_input_gradient(codes, from.d_rows, arrays.stride(), arrays.decoder, gradients);
  parallel_for(codes.rows, static_cast<double>(arrays.width() * 32), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero) {
        const std::int32_t latent = codes.latents[nonzero];
        gradients[nonzero] = dot(from.row(from.groups.of(latent) * codes.rows + i),
                                 arrays.decoder.float32_row(latent), arrays.width());
      }
  });
}

}  // namespace

SparseDictionary::SparseDictionary(const Options& options)
    : latents_(options.integer("latents")),
      threshold_(static_cast<float>(options.number("threshold"))) {
  set_kernel_storage(options);
  require(latents_ >= 1, "latents: expected at least 1, got ", latents_);
  require(threshold_ >= 0, "threshold: expected at least 0, got ", threshold_);
  parameters_.unit_norm = options.flag("unit_norm");
  parameters_.tied = options.flag("tied");
  parameters_.lazy = options.flag("lazy_updates");
  parameters_.subtract_bias = options.flag("subtract_bias");
  std::vector<Index> prefixes = parse_indices(options.text("prefixes"));
  if (!prefixes.empty() && prefixes.back() == latents_) prefixes.pop_back();
  const Index dead_k = options.integer("dead.k");
  const auto dead_weight = static_cast<float>(options.number("dead.weight"));
  const double dead_rows = options.number("dead.rows");
  losses_.push_back(make_prefix_loss(prefixes, latents_));
  losses_.push_back(make_gate_loss());
  if (dead_k != 0) losses_.push_back(make_aux_k_loss(dead_k, dead_weight, dead_rows));
  activation_ = Registry<CodeActivation>::create(options.text("activation.kind"), options);
  if (!options.has("router.kind")) return;
  routed_ = std::make_unique<RoutedEncoder>(options, latents_);
  parameters_.experts = routed_->experts();
  require(activation_->steps() == 1 && prefixes.empty() && dead_k == 0,
          "num_experts: expected 1 with several steps, prefixes or a loss for dead latents");
}

Index SparseDictionary::declare(const std::vector<Index>& widths) {
  require(widths.size() == 1, "SparseDictionary: expected one input, got ", widths.size());
  const Index width = widths[0];
  const char* encoder_role = parameters_.tied ? "state" : "kernel";
  parameters_.encoder = block_.add_widened_kernel("encoder", encoder_role, width, latents_);
  parameters_.encoder_bias = block_.add_vector("encoder_bias", "bias", latents_);
  parameters_.decoder = block_.add_widened_rows("decoder", latents_, width);
  parameters_.decoder_bias = block_.add_vector("decoder_bias", "bias", width);
  activation_->declare(block_, latents_);
  for (const Parameter& each : block_.all())  // all but b are updated latent by latent
    if (each.is_trained() && each.name != "decoder_bias") {
      Parameter& parameter = block_.find(each.name);
      parameter.recomputes_gradient = true;
      parameter.is_updated_in_parts = parameters_.lazy || parameters_.experts > 1;
    }
  if (routed_) routed_->declare(block_, width);
  parameters_.center = block_.add_vector("center", "state", width);
  parameters_.scale = block_.add_vector("scale", "state", 1);
  parameters_.rows_since_active = block_.add_vector("rows_since_active", "state", latents_);
  return width;
}

void SparseDictionary::start_values() {
  training_load_.assign(static_cast<std::size_t>(latents_), 0);
}

SearchQueries::Reconstruction SparseDictionary::reconstruction() const {
  const DictionaryArrays arrays = this->arrays();
  return {.decoder = arrays.decoder,
          .bias = arrays.decoder_bias,
          .center = arrays.center,
          .scale = 1.0f / arrays.scale};
}

CodeInput SparseDictionary::code_input(float* u, Index rows, bool training) const {
  const DictionaryArrays arrays = this->arrays();
  return {.product = {.x = {u, arrays.stride()},
                      .rows = rows,
                      .w = arrays.encoder,
                      .terms = {.bias = arrays.encoder_bias},
                      .threshold = threshold_,
                      .panel_end = arrays.encoder.shape.panels()},
          .latents = latents_,
          .steps = u,
          .stride = arrays.stride(),
          .decoder = arrays.decoder,
          .training = training};
}

// Returns u [steps * rows, stride]: the first `rows` rows are set, padding is zero.
float* SparseDictionary::standardized_input(const Rows& x, Index rows, Arena& arena) const {
  const DictionaryArrays arrays = this->arrays();
  const Index width = arrays.width(), stride = arrays.stride();
  const float* center = arrays.center;
  const float* bias = arrays.decoder_bias;
  const float s = arrays.scale, bias_factor = parameters_.subtract_bias ? 1.0f : 0.0f;
  float* u = arena.take<float>(activation_->steps() * rows * stride);
  parallel_for(rows, static_cast<double>(2 * width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float* from = x.row(i);
      float* to = u + i * stride;
      for (Index j = 0; j < width; ++j) to[j] = s * (from[j] - center[j]) - bias_factor * bias[j];
      std::fill(to + width, to + stride, 0.0f);
    }
  });
  return u;
}

void SparseDictionary::find_codes(Saved& saved, Index rows, const RunInfo& info,
                                  Arena& arena) const {
  const CodeInput input = code_input(saved.u, rows, info.training);
  if (routed_) {
    saved.routed = routed_->forward(input, *activation_, block_, info, arena);
    saved.run = saved.routed.run;
    saved.codes = saved.routed.weighted;
  } else {
    saved.run = activation_->forward(input, block_, arena);
    saved.codes = saved.run.codes;
  }
}

Codes SparseDictionary::encode(const Rows& x, Index rows, bool refit, Arena& arena) const {
  auto* saved = arena.make<Saved>();
  float* u = saved->u = standardized_input(x, rows, arena);
  find_codes(*saved, rows, RunInfo{}, arena);
  if (!refit) return saved->codes;
  const DictionaryArrays arrays = this->arrays();
  const Index width = arrays.width(), stride = arrays.stride();
  if (!parameters_.subtract_bias)
    for (Index i = 0; i < rows; ++i) add_scaled(arrays.decoder_bias, -1.0f, u + i * stride, width);
  refit_codes(u, stride, arrays.decoder, threshold_, saved->codes, arena);
  return saved->codes;
}

void SparseDictionary::forward(ForwardPass& pass) const {
  Arena& arena = *pass.arena;
  auto* saved = arena.make<Saved>();
  pass.saved = saved;
  saved->arena = &arena;
  const DictionaryArrays arrays = this->arrays();
  float* y = pass.take_output(arrays.width());
  saved->u = standardized_input(pass.inputs[0].dense, pass.rows, arena);
  const RunInfo info{pass.step.training, seed_, pass.step.stream(stream_), pass.step.number,
                     pass.step.draws_noise};
  find_codes(*saved, pass.rows, info, arena);
  arrays.reconstruct(sparse_rows(saved->codes), pass.rows, y, pass.output.stride);
  saved->losses = arena.take_zeroed<void*>(static_cast<Index>(losses_.size()));
  if (!pass.step.training) return;
  const double s = arrays.scale;
  pass.loss += (saved->run.loss + saved->routed.routing.loss) / (s * s);
  if (!pass.expected || !pass.expected->values) return;
  const LossInput input{arrays, saved->u, saved->run, saved->codes, pass};
  for (std::size_t l = 0; l < losses_.size(); ++l) losses_[l]->forward(input, saved->losses[l]);
}

void SparseDictionary::backward(BackwardPass& pass) {
  auto& saved = *static_cast<Saved*>(pass.saved);
  Arena& arena = *pass.arena;
  const DictionaryArrays arrays = this->arrays();
  LossGradients gradients = loss_gradients(pass, saved, arrays);
  for (std::size_t l = 0; l < losses_.size(); ++l)
    losses_[l]->backward(saved.losses[l], gradients, arena);
  gradients.terms[0] = code_term(pass, saved, gradients);
  if (activation_->steps() > 1) add_step_terms(pass, saved, gradients);
  if (pass.d_inputs[0].data) add_input_gradient(saved, gradients, pass.d_inputs[0], arena);
  if (!pass.sink) return;
  DictionaryGradients& sums = saved.gradients;
  sums.sorted = sort_terms(gradients.terms, gradients.num_terms, latents_, arena);
  sums.u = saved.u;
  sums.d_rows = gradients.d_rows;
  sums.rows = pass.rows;
  sums.expert_rows = saved.routed.routing.counts;
  for (int o = 0; o < 2; ++o)
    sums.activation_parameters[o] = gradients.terms[0].parameter_gradients[o].parameter;
  saved.stored = DictionaryUpdate(block_, parameters_, sums, *pass.sink, arena).apply();
}

// The gradients without those of the losses; room for a block and a term of each, and of each step.
LossGradients SparseDictionary::loss_gradients(const BackwardPass& pass, const Saved& saved,
                                               const DictionaryArrays& arrays) const {
  Arena& arena = *pass.arena;
  const Index earlier_steps = activation_->steps() - 1;
  Index blocks = earlier_steps;
  for (std::size_t l = 0; l < losses_.size(); ++l) blocks += losses_[l]->blocks(saved.losses[l]);
  LossGradients gradients{.arrays = arrays, .run = saved.run, .d_output = pass.d_output};
  gradients.rows = pass.rows;
  gradients.d_rows =
      blocks == 1 ? pass.d_output : arena.take<float>(blocks * gradients.block_floats());
  gradients.terms = arena.take<CodeTerm>(1 + static_cast<Index>(losses_.size()) + earlier_steps);
  return gradients;
}

// The term of the code, whose blocks of gradients the losses have set.
CodeTerm SparseDictionary::code_term(const BackwardPass& pass, Saved& saved,
                                     const LossGradients& gradients) const {
  Arena& arena = *pass.arena;
  const Codes& codes = saved.codes;
  float* values = arena.take<float>(codes.nonzeros());
  code_value_gradients(codes, gradients, values);
  if (routed_)
    saved.gradients.d_u_routed = routed_->backward(code_input(saved.u, pass.rows, true),
                                                   saved.routed, values, block_, pass.sink, arena);
  CodeGradients of_code;
  of_code.values = values;
  of_code.gate_values = gradients.d_gates;
  activation_->backward(saved.run, block_, of_code, arena);
  CodeTerm term;
  term.codes = codes;
  term.values = codes.values;
  term.gradients = of_code.values;
  term.bias_gradients = of_code.bias ? of_code.bias : of_code.values;
  std::copy_n(of_code.parameter_gradients, 2, term.parameter_gradients);
  term.u_row = (activation_->steps() - 1) * pass.rows;
  term.groups = gradients.groups;
  return term;
}

// Adds a term for each step before the last.
void SparseDictionary::add_step_terms(const BackwardPass& pass, const Saved& saved,
                                      LossGradients& gradients) const {
  Arena& arena = *pass.arena;
  const Index rows = pass.rows, earlier_steps = activation_->steps() - 1;
  const Index first = gradients.taken * rows;
  float** earlier = arena.take<float*>(earlier_steps);
  activation_->backward_steps(
      code_input(saved.u, rows, true), saved.run,
      {.values = gradients.terms[0].gradients, .d_rows = gradients.row(first), .earlier = earlier},
      arena);
  for (Index t = 0; t < earlier_steps; ++t) {
    CodeTerm term;
    term.codes = saved.run.earlier[t];
    term.values = term.codes.values;
    term.gradients = term.bias_gradients = earlier[t];
    term.u_row = t * rows;
    term.d_row = gradients.take_block();
    gradients.terms[gradients.num_terms++] = term;
  }
}

// d_x = d_u / s, the gradient of the unscaled loss, with d_u = W_e d_h over the nonzeros of every
// term.
void SparseDictionary::add_input_gradient(const Saved& saved, const LossGradients& gradients,
                                          const GradientSlot& slot, Arena& arena) const {
  const DictionaryArrays& arrays = gradients.arrays;
  const Index width = arrays.width(), stride = arrays.stride(), rows = gradients.rows;
  const float inverse = 1.0f / arrays.scale;
  const float* routed = saved.gradients.d_u_routed;
  float* sums = arena.take<float>(rows * stride);
  parallel_for(rows, static_cast<double>(64 * width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* d_u = sums + i * stride;
      if (routed)
        std::copy_n(routed + i * stride, width, d_u);
      else
        std::fill_n(d_u, width, 0.0f);
      for (Index t = 0; t < gradients.num_terms; ++t)
        add_encoder_columns(arrays.encoder.float32(), gradients.terms[t].codes,
                            gradients.terms[t].gradients, 1.0f, i, d_u);
      set_scaled(d_u, inverse, d_u, width);
      copy_or_add(d_u, slot.data + i * slot.stride, width, slot.accumulate);
    }
  });
}

void SparseDictionary::update_measured(void* memory, UpdateSink& sink, Arena& arena) {
  const auto& saved = *static_cast<const Saved*>(memory);
  DictionaryUpdate(block_, parameters_, saved.gradients, sink, arena).apply_measured();
}

void SparseDictionary::finish_step(void* memory, bool updated) {
  if (!trainable) return;
  const auto& saved = *static_cast<const Saved*>(memory);
  const Codes& codes = saved.codes;
  float* idle = block_.slice(parameters_.rows_since_active);
  const auto rows = static_cast<float>(codes.rows);
  for (Index latent = 0; latent < latents_; ++latent) idle[latent] += rows;
  for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) {
    if (!(codes.values[nonzero] > 0)) continue;
    const std::int32_t latent = codes.latents[nonzero];
    idle[latent] = 0;
    ++training_load_[static_cast<std::size_t>(latent)];
  }
  if (saved.stored && updated)
    DictionaryUpdate::finish_stored(block_, parameters_, parameters_.unit_norm, *saved.arena);
  activation_->finish_step(saved.run, block_);
  if (routed_) routed_->finish_step(saved.routed, block_);
}

void SparseDictionary::finish_replacement(bool kept) {
  Arena arena;
  DictionaryUpdate::finish_stored(block_, parameters_, kept && parameters_.unit_norm, arena);
}

namespace {
const bool registered = Registry<Layer>::add<SparseDictionary>("sparse_dictionary");
}  // namespace

}  // namespace gatewise
