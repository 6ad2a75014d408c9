#include "codes/latent_gradient.h"

#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/transpose.h"
#include "kernels/weighted_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

void normalize(float* w, Index width) {
  const float length = std::sqrt(dot(w, w, width));
  if (length > 0) set_scaled(w, 1.0f / length, w, width);
}

// Computes and applies the gradients of panels of 16 latents, on one thread.
class PanelUpdate {
 public:
  PanelUpdate(const NonzerosByLatent& nonzeros, const float* u, const float* d_y, Index stride,
              const DictionaryTargets& targets, float* scratch)
      : nonzeros_(nonzeros),
        u_(u),
        d_y_(d_y),
        stride_(stride),
        targets_(targets),
        width_(targets.encoder_shape.rows),
        latents_(targets.encoder_shape.cols),
        lanes_(scratch),
        panel_(scratch + kPanelWidth * stride),
        saved_(scratch + 2 * kPanelWidth * stride) {}

  // Scratch floats: 16 gradients as rows, then as a panel; if lazy, a copy of the panel's weights
  // and moments.
  static Index scratch_floats(Index stride, bool lazy) {
    return (lazy ? 2 + kArrays : 2) * kPanelWidth * stride;
  }

  void run(Index panel) const {
    const PanelShape shape = targets_.encoder_shape;
    const Index first = panel * kPanelWidth, width = shape.width(panel);
    if (targets_.inactive && targets_.inactive[panel / targets_.expert_panels]) return;
    unsigned inactive = 0;
    for (Index lane = 0; lane < width; ++lane) {
      if (targets_.lazy && nonzeros_.groups.rows(first + lane) == 0) {
        inactive |= 1u << lane;
        std::fill_n(lanes_ + lane * stride_, width_, 0.0f);
        continue;
      }
      encoder_gradient(first + lane, lanes_ + lane * stride_);
      update_decoder(first + lane, lanes_ + lane * stride_);
    }
    if (targets_.measures() || inactive == (1u << width) - 1) return;
    if (!targets_.is_tied)
      update_encoder(panel, inactive);
    else if (targets_.tied_encoder)
      transpose_decoder(panel);
  }

 private:
  static constexpr int kArrays = 4;  // weights and moments

  void encoder_gradient(Index latent, float* gradient) const {
    const Index begin = nonzeros_.groups.begin(latent), count = nonzeros_.groups.rows(latent);
    weighted_rows(u_, stride_, nonzeros_.u_rows + begin, nonzeros_.gradients + begin, count,
                  nullptr, gradient, width_);
    if (targets_.is_tied) return;  // it is added to the decoder's gradient
    if (targets_.measures()) targets_.squares[latent] = dot(gradient, gradient, width_);
    scale_measured(targets_.encoder, gradient);
  }

  void update_decoder(Index latent, const float* encoder_gradient) const {
    const Index begin = nonzeros_.groups.begin(latent), count = nonzeros_.groups.rows(latent);
    const Index offset = latent * targets_.decoder_stride;
    const float* w = targets_.decoder_rows + offset;
    float* gradient = panel_;  // free until the lanes are transposed
    weighted_rows(d_y_, stride_, nonzeros_.d_rows + begin, nonzeros_.values + begin, count,
                  targets_.is_tied ? encoder_gradient : nullptr, gradient, width_);
    if (targets_.unit_norm) add_scaled(w, -dot(gradient, w, width_), gradient, width_);
    if (targets_.measures()) {
      targets_.squares[latents_ + latent] = dot(gradient, gradient, width_);
      return;
    }
    scale_measured(targets_.decoder, gradient);
    apply_update(targets_.decoder, offset, gradient, width_);
    if (targets_.unit_norm && targets_.writes())
      normalize(targets_.decoder.weights + offset, width_);
  }

  void scale_measured(const UpdateTarget& target, float* gradient) const {
    if (target.gradient_scale != 1) set_scaled(gradient, target.gradient_scale, gradient, width_);
  }

  // Writes the tied encoder's panel from the updated decoder rows. transpose_to_panel reads and
  // writes beyond the existing rows, so it works on scratch.
  void transpose_decoder(Index panel) const {
    const PanelShape shape = targets_.encoder_shape;
    const Index width = shape.width(panel);
    for (Index lane = 0; lane < width; ++lane)
      std::copy_n(targets_.decoder_rows + (panel * kPanelWidth + lane) * targets_.decoder_stride,
                  width_, lanes_ + lane * stride_);
    transpose_to_panel(lanes_, stride_, width, width_, panel_, shape.stride(panel));
    std::copy_n(panel_, width_ * shape.stride(panel), targets_.tied_encoder + shape.offset(panel));
  }

  // Weights and moments of the lanes set in `inactive` keep their old values.
  void update_encoder(Index panel, unsigned inactive) const {
    const PanelShape shape = targets_.encoder_shape;
    const Index stride = shape.stride(panel), offset = shape.offset(panel);
    transpose_to_panel(lanes_, stride_, shape.width(panel), width_, panel_, stride);
    float* const arrays[kArrays] = {targets_.encoder.weights, targets_.encoder.first,
                                    targets_.encoder.second, targets_.encoder.third};
    if (inactive)
      for (int a = 0; a < kArrays; ++a)
        if (arrays[a])
          std::copy_n(arrays[a] + offset, width_ * stride, saved_ + a * kPanelWidth * stride_);
    apply_update(targets_.encoder, offset, panel_, width_ * stride);
    if (!inactive) return;
    for (int a = 0; a < kArrays; ++a)
      for (Index at = 0; arrays[a] && at < width_ * stride; ++at)
        if (inactive >> (at % stride) & 1)
          arrays[a][offset + at] = saved_[a * kPanelWidth * stride_ + at];
  }

  const NonzerosByLatent& nonzeros_;
  const float* u_;
  const float* d_y_;
  Index stride_;
  const DictionaryTargets& targets_;
  Index width_;
  Index latents_;
  float* lanes_;
  float* panel_;
  float* saved_;
};

}  // namespace

void update_latents(const NonzerosByLatent& nonzeros, const float* u, const float* d_y,
                    Index stride, const DictionaryTargets& targets, Arena& arena) {
  const Index panels = targets.encoder_shape.panels(), width = targets.encoder_shape.rows;
  const Index mean = nonzeros.groups.total() / std::max<Index>(panels, 1);
  const double operations =
      static_cast<double>(2 * width * (mean + kPanelWidth * kUpdateOperations));
  const ThreadScratch scratch(PanelUpdate::scratch_floats(stride, targets.lazy), arena);
  parallel_for(
      panels, operations,
      [&](Index begin, Index end, int thread) {
        const PanelUpdate update(nonzeros, u, d_y, stride, targets, scratch.of(thread));
        for (Index panel = begin; panel < end; ++panel) update.run(panel);
      },
      scratch.threads());
}

void transpose_to_encoder(const float* decoder, Index decoder_stride, const PanelShape& shape,
                          float* encoder, Arena& arena) {
  const Index stride = round_up(shape.rows, kPanelWidth);
  const ThreadScratch scratch(2 * kPanelWidth * stride, arena);
  parallel_for(
      shape.panels(), static_cast<double>(kPanelWidth * shape.rows),
      [&](Index begin, Index end, int thread) {
        float* rows = scratch.of(thread);
        float* panel = rows + kPanelWidth * stride;
        for (Index p = begin; p < end; ++p) {
          const Index width = shape.width(p);
          for (Index lane = 0; lane < width; ++lane)
            std::copy_n(decoder + (p * kPanelWidth + lane) * decoder_stride, shape.rows,
                        rows + lane * stride);
          transpose_to_panel(rows, stride, width, shape.rows, panel, shape.stride(p));
          std::copy_n(panel, shape.rows * shape.stride(p), encoder + shape.offset(p));
        }
      },
      scratch.threads());
}

void normalize_rows(float* w, Index stride, Index rows, Index width) {
  parallel_for(rows, static_cast<double>(4 * width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) normalize(w + i * stride, width);
  });
}

}  // namespace gatewise
