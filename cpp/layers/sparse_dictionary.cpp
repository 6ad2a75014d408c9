#include "layers/sparse_dictionary.h"

#include <algorithm>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/weighted_rows.h"
#include "products/latent_gradient.h"
#include "routing/dispatch.h"

namespace gatewise {

struct SparseDictionary::Saved {
  float* u;  // [rows, output's stride]
  Codes codes;
  bool norms_are_due;  // the update is applied later: lengths too
};

SparseDictionary::SparseDictionary(const Options& options)
    : latents_(options.integer("latents")),
      k_(options.integer("k")),
      threshold_(static_cast<float>(options.number("threshold"))),
      unit_norm_(options.flag("unit_norm")) {
  require(latents_ >= 1, "latents: expected at least 1, got ", latents_);
  require(k_ >= 1 && k_ <= latents_, "k: expected 1 <= k <= latents (", latents_, "), got ", k_);
  require(threshold_ >= 0, "threshold: expected at least 0, got ", threshold_);
}

Index SparseDictionary::declare(const std::vector<Index>& widths) {
  require(widths.size() == 1, "SparseDictionary: expected one input, got ", widths.size());
  width_ = widths[0];
  encoder_ = block_.add_matrix("encoder", "kernel", width_, latents_);
  encoder_bias_ = block_.add_vector("encoder_bias", "bias", latents_);
  decoder_ = block_.add_rows("decoder", "kernel", latents_, width_);
  decoder_bias_ = block_.add_vector("decoder_bias", "bias", width_);
  center_ = block_.add_vector("center", "state", width_);
  scale_ = block_.add_vector("scale", "state", 1);
  idle_rows_ = block_.add_vector("idle_rows", "state", latents_);
  return width_;
}

// u = s (x - c) - b, [rows, width rounded up to 16], padding zero.
float* SparseDictionary::centred(const Rows& x, Index rows, Arena& arena) const {
  const Index stride = round_up(width_, kPanelWidth);
  float* u = arena.take<float>(rows * stride);
  const float* center = block_.slice(center_);
  const float* bias = block_.slice(decoder_bias_);
  const float s = scale();
  parallel_for(rows, static_cast<double>(2 * width_), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float* from = x.row(i);
      float* to = u + i * stride;
      for (Index j = 0; j < width_; ++j) to[j] = s * (from[j] - center[j]) - bias[j];
      std::fill(to + width_, to + stride, 0.0f);
    }
  });
  return u;
}

Codes SparseDictionary::codes_of(const float* u, Index rows, Arena& arena) const {
  return top_k_codes({u, round_up(width_, kPanelWidth)}, rows, block_.panels(encoder_),
                     block_.slice(encoder_bias_), k_, threshold_, guess_, arena);
}

Codes SparseDictionary::encode(const Rows& x, Index rows, Arena& arena) const {
  return codes_of(centred(x, rows, arena), rows, arena);
}

void SparseDictionary::decode(const SparseRows& codes, Index rows, float* y, Index stride) const {
  const float* center = block_.slice(center_);
  const float inverse = 1.0f / scale();
  const double entries = static_cast<double>(codes.entries(0, rows)) / static_cast<double>(rows);
  parallel_for(rows, static_cast<double>(width_) * (entries + 2), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index first = codes.begin(i);
      float* to = y + i * stride;
      weighted_rows(block_.slice(decoder_), block_.at(decoder_).row_floats(), codes.columns + first,
                    codes.values + first, codes.end(i) - first, block_.slice(decoder_bias_), to,
                    width_);
      for (Index j = 0; j < width_; ++j) to[j] = to[j] * inverse + center[j];
    }
  });
}

void SparseDictionary::forward(ForwardPass& pass) const {
  auto* saved = pass.arena->make<Saved>();
  pass.saved = saved;
  float* y = pass.take_output(width_);
  saved->u = centred(pass.inputs[0].dense, pass.rows, *pass.arena);
  saved->codes = codes_of(saved->u, pass.rows, *pass.arena);
  const Codes& codes = saved->codes;
  decode({codes.offsets, codes.latents, codes.values}, pass.rows, y, pass.output.stride);
}

// The slope by each entry's value, d_y . W_d[latent].
const float* SparseDictionary::slopes_of_codes(const Codes& codes, const float* d_y, Index stride,
                                               Arena& arena) const {
  float* slopes = arena.take<float>(codes.entries());
  const float* decoder = block_.slice(decoder_);
  const Index decoder_stride = block_.at(decoder_).row_floats();
  parallel_for(codes.rows, static_cast<double>(width_ * k_), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index entry = codes.offsets[i]; entry < codes.offsets[i + 1]; ++entry)
        slopes[entry] =
            dot(d_y + i * stride, decoder + codes.latents[entry] * decoder_stride, width_);
  });
  return slopes;
}

void SparseDictionary::backward(BackwardPass& pass) const {
  auto& saved = *static_cast<Saved*>(pass.saved);
  const Index stride = pass.d_output_stride;
  const float s = scale();
  parallel_for(pass.rows, static_cast<double>(stride), [&](Index begin, Index end) {
    set_scaled(pass.d_output + begin * stride, s, pass.d_output + begin * stride,
               (end - begin) * stride);
  });
  const float* slopes = slopes_of_codes(saved.codes, pass.d_output, stride, *pass.arena);
  if (pass.d_inputs[0].data) add_input_slope(saved.codes, slopes, pass.d_inputs[0]);
  if (pass.sink) update(pass, saved, slopes);
}

void SparseDictionary::update(BackwardPass& pass, Saved& saved, const float* slopes) const {
  Arena& arena = *pass.arena;
  const Codes& codes = saved.codes;
  const Choice choice{codes.rows, codes.offsets, codes.latents, codes.values};
  const Dispatch dispatch = make_dispatch(choice, latents_, arena);
  auto* rows = arena.take<std::int32_t>(codes.entries());
  float* values = arena.take<float>(codes.entries());
  float* sorted = arena.take<float>(codes.entries());
  float* sums = arena.take<float>(round_up(latents_, kPanelWidth));
  parallel_for(latents_, 8, [&](Index begin, Index end) {
    for (Index latent = begin; latent < end; ++latent) {
      float sum = 0;
      for (Index p = dispatch.groups.begin(latent); p < dispatch.groups.end(latent); ++p) {
        rows[p] = static_cast<std::int32_t>(dispatch.row_of[p]);
        values[p] = codes.values[dispatch.entry_of[p]];
        sum += sorted[p] = slopes[dispatch.entry_of[p]];
      }
      sums[latent] = sum;
    }
  });
  update_bias(pass, sums, arena);  // reads the encoder as it was
  const DictionaryTargets targets{.encoder_shape = block_.at(encoder_).shape,
                                  .decoder_rows = block_.slice(decoder_),
                                  .decoder_stride = block_.at(decoder_).row_floats(),
                                  .encoder = pass.sink->begin(encoder_, 0),
                                  .encoder_bias = pass.sink->begin(encoder_bias_, 0),
                                  .decoder = pass.sink->begin(decoder_, 0),
                                  .unit_norm = unit_norm_};
  saved.norms_are_due = unit_norm_ && targets.decoder.rule.kind == UpdateKind::kStore;
  update_latents({dispatch.groups, rows, values, sorted, sums}, saved.u, pass.d_output,
                 pass.d_output_stride, targets, arena);
}

// d_b = sum_i d_y_i - W_e sum_i d_z_i: b is subtracted before the encoder and added behind the
// decoder. sums [latents] are those of the slopes by the codes.
void SparseDictionary::update_bias(BackwardPass& pass, const float* sums, Arena& arena) const {
  const Index stride = pass.d_output_stride, blocks = ceil_divide(width_, kPanelWidth);
  float* through_encoder = arena.take<float>(stride);
  grouped_input_gradient(sums, 0, all_rows(1, arena), {.first = block_.panels(encoder_)},
                         {.d_x = through_encoder, .stride = stride}, arena);
  float* gradient = arena.take<float>(stride);
  parallel_for(blocks, static_cast<double>(pass.rows * kPanelWidth), [&](Index begin, Index end) {
    const Index column = begin * kPanelWidth;
    const Index columns = std::min(end * kPanelWidth, width_) - column;
    set_scaled(through_encoder + column, -1.0f, gradient + column, columns);
    for (Index i = 0; i < pass.rows; ++i)
      add_scaled(pass.d_output + i * stride + column, 1.0f, gradient + column, columns);
  });
  apply_update(pass.sink->begin(decoder_bias_, 0), 0, gradient, width_);
}

// d_x = W_e d_z / s, back in the loss's own units, over the chosen latents, whose columns are read
// where they lie.
void SparseDictionary::add_input_slope(const Codes& codes, const float* slopes,
                                       const GradientSlot& slot) const {
  const Panels encoder = block_.panels(encoder_);
  const float inverse = 1.0f / scale();
  parallel_for(codes.rows, static_cast<double>(4 * width_ * k_), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      float* d_x = slot.data + i * slot.stride;
      if (!slot.accumulate) std::fill_n(d_x, width_, 0.0f);
      for (Index entry = codes.offsets[i]; entry < codes.offsets[i + 1]; ++entry) {
        const Index panel = codes.latents[entry] / kPanelWidth,
                    lane = codes.latents[entry] % kPanelWidth;
        const Index stride = encoder.shape.stride(panel);
        const float slope = slopes[entry] * inverse;
        for (Index j = 0; j < width_; ++j)
          d_x[j] += slope * encoder.panel(panel)[j * stride + lane];
      }
    }
  });
}

void SparseDictionary::finish_step(void* memory) {
  if (!trainable) return;
  const auto& saved = *static_cast<const Saved*>(memory);
  const Codes& codes = saved.codes;
  float* idle = block_.slice(idle_rows_);
  const auto rows = static_cast<float>(codes.rows);
  for (Index latent = 0; latent < latents_; ++latent) idle[latent] += rows;
  for (Index entry = 0; entry < codes.entries(); ++entry) idle[codes.latents[entry]] = 0;
  if (saved.norms_are_due)
    normalize_rows(block_.slice(decoder_), block_.at(decoder_).row_floats(), latents_, width_);
}

namespace {
const bool registered = Registry<Layer>::add<SparseDictionary>("sparse_dictionary");
}  // namespace

}  // namespace gatewise
