#include "layers/sparse_dictionary.h"

#include <algorithm>
#include <sstream>

#include "codes/dead_latents.h"
#include "codes/dictionary_rows.h"
#include "codes/refit_codes.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/weighted_rows.h"
#include "layers/sparse_dictionary_saved.h"
#include "layers/square_error.h"

namespace gatewise {

namespace {

// Parses "64,256,1024".
std::vector<Index> parse_indices(const std::string& text) {
  std::vector<Index> indices;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) indices.push_back(std::stoll(part));
  return indices;
}

}  // namespace

SparseDictionary::SparseDictionary(const Options& options)
    : latents_(options.integer("latents")),
      threshold_(static_cast<float>(options.number("threshold"))),
      unit_norm_(options.flag("unit_norm")),
      subtract_bias_(options.flag("subtract_bias")),
      tied_(options.flag("tied")),
      lazy_(options.flag("lazy_updates")),
      prefixes_(parse_indices(options.text("prefixes"))),
      dead_k_(options.integer("dead.k")),
      dead_weight_(static_cast<float>(options.number("dead.weight"))),
      dead_rows_(options.number("dead.rows")) {
  require(latents_ >= 1, "latents: expected at least 1, got ", latents_);
  require(threshold_ >= 0, "threshold: expected at least 0, got ", threshold_);
  require(dead_k_ >= -1, "dead.k: expected at least -1, got ", dead_k_);
  for (std::size_t at = 0; at < prefixes_.size(); ++at)
    require(prefixes_[at] > (at > 0 ? prefixes_[at - 1] : 0) && prefixes_[at] <= latents_,
            "prefixes: expected ascending numbers from 1 to latents (", latents_, "), got ",
            prefixes_[at]);
  if (prefixes_.empty() || prefixes_.back() < latents_) prefixes_.push_back(latents_);
  activation_ = Registry<CodeActivation>::create(options.text("activation.kind"), options);
  if (!options.has("router.kind")) return;
  router_ = Registry<Router>::create(options.text("router.kind"), options);
  require(latents_ % (router_->experts() * kPanelWidth) == 0,
          "latents: expected a multiple of 16 num_experts (", router_->experts(), "), got ",
          latents_);
  require(router_->per_row() == 1, "router: expected one expert a row, got ", router_->per_row());
  require(activation_->steps() == 1 && prefixes_.size() == 1 && dead_k_ == 0,
          "num_experts: expected 1 with several steps, prefixes or a loss for dead latents");
}

Index SparseDictionary::declare(const std::vector<Index>& widths) {
  require(widths.size() == 1, "SparseDictionary: expected one input, got ", widths.size());
  width_ = widths[0];
  if (dead_k_ < 0) dead_k_ = std::max<Index>(width_ / 2, 1);
  encoder_ = block_.add_matrix("encoder", tied_ ? "state" : "kernel", width_, latents_);
  encoder_bias_ = block_.add_vector("encoder_bias", "bias", latents_);
  decoder_ = block_.add_rows("decoder", "kernel", latents_, width_);
  decoder_bias_ = block_.add_vector("decoder_bias", "bias", width_);
  activation_->declare(block_, latents_);
  for (const Parameter& parameter : block_.all())  // all but b are updated latent by latent
    if (parameter.is_trained() && parameter.name != "decoder_bias")
      block_.find(parameter.name).recomputes_gradient = true;
  if (router_) router_->declare(block_, width_);
  center_ = block_.add_vector("center", "state", width_);
  scale_ = block_.add_vector("scale", "state", 1);
  rows_since_active_ = block_.add_vector("rows_since_active", "state", latents_);
  return width_;
}

CodeInput SparseDictionary::code_input(float* u, Index rows, bool training) const {
  const Panels encoder = block_.panels(encoder_);
  return {.product = {.x = {u, stride()},
                      .rows = rows,
                      .w = encoder,
                      .terms = {.bias = block_.slice(encoder_bias_)},
                      .threshold = threshold_,
                      .panel_end = encoder.shape.panels()},
          .latents = latents_,
          .steps = u,
          .stride = stride(),
          .decoder = block_.slice(decoder_),
          .decoder_stride = decoder_stride(),
          .training = training};
}

// Returns u [steps * rows, stride]: the first `rows` rows are set, padding is zero.
float* SparseDictionary::standardized_input(const Rows& x, Index rows, Arena& arena) const {
  const Index row_floats = stride();
  float* u = arena.take<float>(activation_->steps() * rows * row_floats);
  const float* center = block_.slice(center_);
  const float* bias = block_.slice(decoder_bias_);
  const float s = scale(), bias_factor = subtract_bias_ ? 1.0f : 0.0f;
  parallel_for(rows, static_cast<double>(2 * width_), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float* from = x.row(i);
      float* to = u + i * row_floats;
      for (Index j = 0; j < width_; ++j) to[j] = s * (from[j] - center[j]) - bias_factor * bias[j];
      std::fill(to + width_, to + row_floats, 0.0f);
    }
  });
  return u;
}

void SparseDictionary::find_codes(Saved& saved, Index rows, const RunInfo& info,
                                  Arena& arena) const {
  if (router_) return find_expert_codes(saved, rows, info, arena);
  saved.run = activation_->forward(code_input(saved.u, rows, info.training), block_, arena);
  saved.codes = saved.run.codes;
}

// Each expert encodes its rows with its own panels; the codes are then copied back to row order.
void SparseDictionary::find_expert_codes(Saved& saved, Index rows, const RunInfo& info,
                                         Arena& arena) const {
  saved.routing_info = info;
  saved.routing =
      router_->forward({.dense = {saved.u, stride()}, .width = width_}, rows, block_, info, arena);
  const Index experts = router_->experts();
  const Dispatch dispatch = make_dispatch(saved.routing.choice, experts, arena);
  const Index panels = block_.at(encoder_).shape.panels() / experts;
  auto* parts = arena.take<Codes>(experts);
  Codes codes;
  codes.rows = rows;
  codes.offsets = arena.take_zeroed<Index>(rows + 1);
  for (Index e = 0; e < experts; ++e) {
    const Index begin = dispatch.groups.begin(e), count = dispatch.groups.rows(e);
    if (count == 0) continue;
    CodeInput input = code_input(saved.u, count, info.training);
    input.product.x.index = dispatch.row_of + begin;
    input.product.panel_begin = e * panels;
    input.product.panel_end = (e + 1) * panels;
    const CodeRun run = activation_->forward(input, block_, arena);
    saved.run.loss += run.loss * static_cast<double>(count) / static_cast<double>(rows);
    parts[e] = run.codes;
    for (Index i = 0; i < count; ++i)
      codes.offsets[dispatch.row_of[begin + i] + 1] = parts[e].offsets[i + 1] - parts[e].offsets[i];
  }
  for (Index i = 0; i < rows; ++i) codes.offsets[i + 1] += codes.offsets[i];
  codes.latents = arena.take<std::int32_t>(codes.nonzeros());
  codes.values = arena.take<float>(codes.nonzeros());
  float* factors = arena.take<float>(codes.nonzeros());
  float* weighed = arena.take<float>(codes.nonzeros());
  for (Index i = 0; i < rows; ++i) {
    const Codes& part = parts[saved.routing.choice.experts[i]];
    const Index own =
        dispatch.position_of[i] - dispatch.groups.begin(saved.routing.choice.experts[i]);
    const Index from = part.offsets[own], count = part.offsets[own + 1] - from;
    const Index to = codes.offsets[i];
    std::copy_n(part.latents + from, count, codes.latents + to);
    std::copy_n(part.values + from, count, codes.values + to);
    std::fill_n(factors + to, count, saved.routing.choice.weights[i]);
    set_scaled(codes.values + to, saved.routing.choice.weights[i], weighed + to, count);
  }
  saved.run.codes = saved.codes = codes;
  saved.codes.values = weighed;
  saved.factors = factors;
}

Codes SparseDictionary::encode(const Rows& x, Index rows, bool refit, Arena& arena) const {
  auto* saved = arena.make<Saved>();
  float* u = saved->u = standardized_input(x, rows, arena);
  find_codes(*saved, rows, RunInfo{}, arena);
  if (!refit) return saved->codes;
  if (!subtract_bias_)
    for (Index i = 0; i < rows; ++i)
      add_scaled(block_.slice(decoder_bias_), -1.0f, u + i * stride(), width_);
  refit_codes(u, stride(), {block_.slice(decoder_), decoder_stride(), width_}, threshold_,
              saved->codes, arena);
  return saved->codes;
}

void SparseDictionary::decode(const SparseRows& codes, Index rows, float* y, Index y_stride) const {
  const float* center = block_.slice(center_);
  const float inverse = 1.0f / scale();
  const double nonzeros = static_cast<double>(codes.nonzeros(0, rows)) / static_cast<double>(rows);
  parallel_for(rows, static_cast<double>(width_) * (nonzeros + 2), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index first = codes.begin(i);
      float* to = y + i * y_stride;
      weighted_rows(block_.slice(decoder_), decoder_stride(), codes.columns + first,
                    codes.values + first, codes.end(i) - first, block_.slice(decoder_bias_), to,
                    width_);
      for (Index j = 0; j < width_; ++j) to[j] = to[j] * inverse + center[j];
    }
  });
}

void SparseDictionary::forward(ForwardPass& pass) const {
  Arena& arena = *pass.arena;
  auto* saved = arena.make<Saved>();
  pass.saved = saved;
  saved->arena = &arena;
  float* y = pass.take_output(width_);
  saved->u = standardized_input(pass.inputs[0].dense, pass.rows, arena);
  const RunInfo info{pass.step.training, seed_, pass.step.stream(stream_), pass.step.number};
  find_codes(*saved, pass.rows, info, arena);
  const Codes& codes = saved->codes;
  decode({codes.offsets, codes.latents, codes.values}, pass.rows, y, pass.output.stride);
  if (pass.step.training) add_losses(*saved, pass);
}

void SparseDictionary::add_losses(Saved& saved, ForwardPass& pass) const {
  const double s = scale();
  pass.loss += (saved.run.loss + saved.routing.loss) / (s * s);
  if (!pass.expected || !pass.expected->values) return;
  Arena& arena = *pass.arena;
  const ErrorShape shape{pass.rows, width_, stride()};
  if (prefixes_.size() > 1) {
    decode_prefixes(saved, pass);
    for (std::size_t p = 0; p + 1 < prefixes_.size(); ++p)
      pass.loss += square_error(saved.d_prefixes + static_cast<Index>(p) * pass.rows * stride(),
                                shape, *pass.expected, 1.0f, arena);
  }
  if (saved.run.gate_values) {
    decode_gates(saved, pass);
    pass.loss += square_error(saved.d_gates, shape, *pass.expected, 1.0f, arena);
  }
  if (dead_k_ > 0) {
    decode_dead(saved, pass);
    Expected nothing = *pass.expected;
    nothing.values = nullptr;
    if (saved.d_dead) pass.loss += square_error(saved.d_dead, shape, nothing, dead_weight_, arena);
  }
}

// Reconstructs from every prefix of the latents except the last, which holds all of them.
void SparseDictionary::decode_prefixes(Saved& saved, const ForwardPass& pass) const {
  const Index rows = pass.rows, row_floats = stride();
  const auto prefixes = static_cast<Index>(prefixes_.size()) - 1;
  saved.d_prefixes = pass.arena->take<float>(prefixes * rows * row_floats);
  const float* center = block_.slice(center_);
  const float inverse = 1.0f / scale();
  const Codes& codes = saved.codes;
  parallel_for(rows, static_cast<double>(width_ * 32), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Index nonzero = codes.offsets[i];
      const float* start = block_.slice(decoder_bias_);
      for (Index p = 0; p < prefixes; ++p) {
        Index stop = nonzero;
        while (stop < codes.offsets[i + 1] && codes.latents[stop] < prefixes_[p]) ++stop;
        float* sum = saved.d_prefixes + (p * rows + i) * row_floats;
        weighted_rows(block_.slice(decoder_), decoder_stride(), codes.latents + nonzero,
                      codes.values + nonzero, stop - nonzero, start, sum, width_);
        start = sum;
        nonzero = stop;
      }
      for (Index p = 0; p < prefixes; ++p) {
        float* y = saved.d_prefixes + (p * rows + i) * row_floats;
        for (Index j = 0; j < width_; ++j) y[j] = y[j] * inverse + center[j];
      }
    }
  });
}

void SparseDictionary::decode_gates(Saved& saved, const ForwardPass& pass) const {
  saved.d_gates = pass.arena->take<float>(pass.rows * stride());
  decode({saved.codes.offsets, saved.codes.latents, saved.run.gate_values}, pass.rows,
         saved.d_gates, stride());
}

// AuxK: computes d_dead = reconstruction from the k largest dead latents, without bias, minus the
// residual of the main reconstruction.
void SparseDictionary::decode_dead(Saved& saved, const ForwardPass& pass) const {
  Arena& arena = *pass.arena;
  DeadLatents dead =
      find_dead_latents(block_.slice(rows_since_active_), latents_, dead_rows_, arena);
  if (dead.count == 0) return;
  gather_dead_weights(dead, block_.panels(encoder_), block_.slice(encoder_bias_), arena);
  saved.dead = dead_codes(dead, {saved.u, stride()}, pass.rows, dead_k_, arena);
  saved.d_dead = arena.take<float>(pass.rows * stride());
  const float inverse = 1.0f / scale();
  const Codes& codes = saved.dead;
  parallel_for(pass.rows, static_cast<double>(width_ * dead_k_), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* sum = saved.d_dead + i * stride();
      const Index first = codes.offsets[i];
      weighted_rows(block_.slice(decoder_), decoder_stride(), codes.latents + first,
                    codes.values + first, codes.offsets[i + 1] - first, nullptr, sum, width_);
      const float* y = pass.output.data + i * pass.output.stride;
      const float* target = pass.expected->row(i, width_);
      for (Index j = 0; j < width_; ++j) sum[j] = sum[j] * inverse - (target[j] - y[j]);
    }
  });
}

void SparseDictionary::finish_step(void* memory) {
  if (!trainable) return;
  const auto& saved = *static_cast<const Saved*>(memory);
  const Codes& codes = saved.codes;
  float* idle = block_.slice(rows_since_active_);
  const auto rows = static_cast<float>(codes.rows);
  for (Index latent = 0; latent < latents_; ++latent) idle[latent] += rows;
  for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
    if (codes.values[nonzero] > 0) idle[codes.latents[nonzero]] = 0;
  if (saved.stored && unit_norm_)
    normalize_rows(block_.slice(decoder_), decoder_stride(), latents_, width_);
  if (saved.stored && tied_) {
    transpose_to_encoder(block_.slice(decoder_), decoder_stride(), block_.at(encoder_).shape,
                         block_.slice(encoder_), *saved.arena);
  }
  activation_->finish_step(saved.run, block_);
  if (router_) router_->finish_step(saved.routing, block_);
}

namespace {
const bool registered = Registry<Layer>::add<SparseDictionary>("sparse_dictionary");
}  // namespace

}  // namespace gatewise
