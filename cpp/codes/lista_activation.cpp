// Steps of learned shrinkage from z_0 = 0, with the penalty l1 mean_i sum_j z_ij:
//   r_t = u - z_{t-1} W_d,   z_t = ReLU(z_{t-1} + r_t W_e + b_e)
// (Gregor and LeCun 2010; the weights coupled as in Chen et al. 2018, eq. 9).
#include <limits>

#include "codes/candidate_blocks.h"
#include "codes/code_activation.h"
#include "codes/dictionary_rows.h"

namespace gatewise {
namespace {

class ListaActivation final : public CodeActivation {
 public:
  explicit ListaActivation(const Options& options)
      : steps_(options.integer("activation.steps")),
        l1_(static_cast<float>(options.number("activation.l1"))) {
    require(steps_ >= 1, "steps: expected at least 1, got ", steps_);
  }

  Index steps() const override { return steps_; }

  CodeRun forward(const CodeInput& input, const ParameterBlock&, Arena& arena) const override {
    CodeRun run;
    run.earlier = arena.take<Codes>(std::max<Index>(steps_ - 1, 1));
    run.codes = first_codes(input, arena);
    for (Index t = 1; t < steps_; ++t) {
      run.earlier[t - 1] = run.codes;
      run.codes = next_codes(input, run.codes, t, arena);
    }
    run.loss = l1_penalty(l1_, run.codes.values, run.codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock&, CodeSlopes& slopes,
                Arena&) const override {
    const float slope = l1_slope(l1_, run.codes.rows);
    for (Index entry = 0; entry < run.codes.entries(); ++entry) slopes.values[entry] += slope;
  }

  // With d_h_t the slope by z_{t-1} + r_t W_e: r_t has W_e d_h_t, and z_{t-1} has d_h_t itself and,
  // through r_t, -W_d d_r_t. d_rows gets -d_r_t, which is what z_{t-1} W_d has.
  void backward_steps(const CodeInput& input, const CodeRun& run, const StepSlopes& slopes,
                      Arena& arena) const override {
    const Index rows = run.codes.rows, width = input.width();
    const float* d_h = slopes.values;
    const Codes* codes = &run.codes;
    for (Index t = steps_ - 1; t > 0; --t) {
      const Codes& before = run.earlier[t - 1];
      float* d_rows = slopes.d_rows + (t - 1) * rows * input.stride;
      float* d_before = slopes.earlier[t - 1] = arena.take<float>(before.entries());
      parallel_for(rows, static_cast<double>(8 * width), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          float* d_row = d_rows + i * input.stride;
          std::fill_n(d_row, input.stride, 0.0f);
          add_encoder_columns(input.product.w, *codes, d_h, -1.0f, i, d_row);
        }
      });
      decoder_slopes(before, d_rows, input.stride, input.decoder, input.decoder_stride, width,
                     d_before);
      parallel_for(rows, 64, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) add_common(*codes, d_h, before, d_before, i);
      });
      d_h = d_before;
      codes = &before;
    }
  }

 private:
  Codes first_codes(const CodeInput& input, Arena& arena) const {
    CodeProduct product = input.product;
    product.least = 0;
    return all_codes(product, arena);
  }

  Codes next_codes(const CodeInput& input, const Codes& before, Index t, Arena& arena) const {
    const Index rows = before.rows, width = input.width();
    float* residual = input.steps + t * rows * input.stride;
    parallel_for(rows, static_cast<double>(8 * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        std::copy_n(input.steps + i * input.stride, input.stride, residual + i * input.stride);
        add_decoder_rows(before, i, input.decoder, input.decoder_stride, -1.0f,
                         residual + i * input.stride, width);
      }
    });
    CodeProduct product = input.product;
    product.x = {residual, input.stride};
    product.least = -std::numeric_limits<float>::infinity();
    return collect_codes(product, arena,
                         [&](Index i, std::int32_t* latents, float* values, Index count) {
                           Index kept = 0, at = before.offsets[i];
                           for (Index entry = 0; entry < count; ++entry) {
                             const std::int32_t j = latents[entry];
                             float h = values[entry];
                             if (at < before.offsets[i + 1] && before.latents[at] == j)
                               h += before.values[at++];
                             latents[kept] = j;
                             values[kept] = h;
                             kept += h > 0;
                           }
                           return kept;
                         });
  }

  // d_before += d_h where row i has the latent in both codes.
  static void add_common(const Codes& codes, const float* d_h, const Codes& before, float* d_before,
                         Index i) {
    Index at = before.offsets[i];
    for (Index entry = codes.offsets[i]; entry < codes.offsets[i + 1]; ++entry) {
      while (at < before.offsets[i + 1] && before.latents[at] < codes.latents[entry]) ++at;
      if (at == before.offsets[i + 1]) return;
      if (before.latents[at] == codes.latents[entry]) d_before[at] += d_h[entry];
    }
  }

  Index steps_;
  float l1_;
};

const bool registered = Registry<CodeActivation>::add<ListaActivation>("lista");

}  // namespace
}  // namespace gatewise
