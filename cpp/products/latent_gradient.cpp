#include "products/latent_gradient.h"

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

// One thread's work on panels of latents.
class PanelUpdate {
 public:
  PanelUpdate(const LatentEntries& entries, const float* u, const float* d_y, Index stride,
              const DictionaryTargets& targets, float* scratch)
      : entries_(entries),
        u_(u),
        d_y_(d_y),
        stride_(stride),
        targets_(targets),
        width_(targets.encoder_shape.rows),
        lanes_(scratch),
        panel_(scratch + kPanelWidth * stride) {}

  // Floats of scratch: 16 gradients as rows, then as a panel.
  static Index scratch_floats(Index stride) { return 2 * kPanelWidth * stride; }

  void run(Index panel) const {
    const PanelShape shape = targets_.encoder_shape;
    const Index first = panel * kPanelWidth, width = shape.width(panel);
    for (Index lane = 0; lane < width; ++lane) {
      encoder_gradient(first + lane, lanes_ + lane * stride_);
      update_decoder(first + lane);
    }
    turn_to_panel(lanes_, stride_, width, width_, panel_, shape.stride(panel));
    apply_update(targets_.encoder, shape.offset(panel), panel_, width_ * shape.stride(panel));
    apply_update(targets_.encoder_bias, first, entries_.slope_sums + first, width);
  }

 private:
  void encoder_gradient(Index latent, float* gradient) const {
    const Index begin = entries_.groups.begin(latent), count = entries_.groups.rows(latent);
    weighted_rows(u_, stride_, entries_.rows + begin, entries_.slopes + begin, count, nullptr,
                  gradient, width_);
  }

  void update_decoder(Index latent) const {
    const Index begin = entries_.groups.begin(latent), count = entries_.groups.rows(latent);
    const Index offset = latent * targets_.decoder_stride;
    const float* w = targets_.decoder_rows + offset;
    float* gradient = panel_;  // free until the lanes are turned
    weighted_rows(d_y_, stride_, entries_.rows + begin, entries_.values + begin, count, nullptr,
                  gradient, width_);
    if (targets_.unit_norm) add_scaled(w, -dot(gradient, w, width_), gradient, width_);
    apply_update(targets_.decoder, offset, gradient, width_);
    if (targets_.unit_norm && targets_.decoder.rule.kind != UpdateKind::kStore)
      normalize(targets_.decoder.weights + offset, width_);
  }

  const LatentEntries& entries_;
  const float* u_;
  const float* d_y_;
  Index stride_;
  const DictionaryTargets& targets_;
  Index width_;
  float* lanes_;
  float* panel_;
};

}  // namespace

void update_latents(const LatentEntries& entries, const float* u, const float* d_y, Index stride,
                    const DictionaryTargets& targets, Arena& arena) {
  const Index panels = targets.encoder_shape.panels(), width = targets.encoder_shape.rows;
  const Index mean = entries.groups.total() / std::max<Index>(panels, 1);
  const double operations =
      static_cast<double>(2 * width * (mean + kPanelWidth * kUpdateOperations));
  const ThreadScratch scratch(PanelUpdate::scratch_floats(stride), arena);
  parallel_for(
      panels, operations,
      [&](Index begin, Index end, int thread) {
        const PanelUpdate update(entries, u, d_y, stride, targets, scratch.of(thread));
        for (Index panel = begin; panel < end; ++panel) update.run(panel);
      },
      scratch.threads());
}

void normalize_rows(float* w, Index stride, Index rows, Index width) {
  parallel_for(rows, static_cast<double>(4 * width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) normalize(w + i * stride, width);
  });
}

}  // namespace gatewise
