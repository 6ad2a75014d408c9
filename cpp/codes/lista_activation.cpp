// Learned iterative shrinkage from z_0 = 0, with the penalty l1 mean_i sum_j z_ij:
//   r_t = u - z_{t-1} W_d,   z_t = ReLU(z_{t-1} + r_t W_e + b_e)
// (Gregor and LeCun 2010; the weights coupled as in Chen et al. 2018, eq. 9).
#include "codes/code_activation.h"
#include "codes/dictionary_rows.h"
#include "codes/penalty_weight.h"
#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

class ListaActivation final : public CodeActivation {
 public:
  explicit ListaActivation(const Options& options)
      : steps_(options.integer("activation.steps")), l1_(options) {
    require(steps_ >= 1, "steps: expected at least 1, got ", steps_);
  }

  Index steps() const override { return steps_; }

  void declare(ParameterBlock& block, Index) override { l1_.declare(block); }

  CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                  Arena& arena) const override {
    CodeRun run;
    run.earlier = arena.take<Codes>(std::max<Index>(steps_ - 1, 1));
    run.codes = first_codes(input, arena);
    for (Index t = 1; t < steps_; ++t) {
      run.earlier[t - 1] = run.codes;
      run.codes = next_codes(input, run.codes, t, arena);
    }
    run.loss = l1_penalty(l1_.value(block), run.codes.values, run.codes);
    return run;
  }

  void backward(const CodeRun& run, const ParameterBlock& block, CodeGradients& gradients,
                Arena&) const override {
    const float gradient = l1_gradient(l1_.value(block), run.codes.rows);
    for (Index nonzero = 0; nonzero < run.codes.nonzeros(); ++nonzero)
      gradients.values[nonzero] += gradient;
  }

  void finish_step(const CodeRun& run, ParameterBlock& block) const override {
    l1_.finish_step(run.codes, block);
  }

  // Let d_h_t be the gradient of z_{t-1} + r_t W_e. Then d_r_t = W_e d_h_t, and the gradient of
  // z_{t-1} is d_h_t - W_d d_r_t. d_rows is set to -d_r_t, the gradient of z_{t-1} W_d.
  void backward_steps(const CodeInput& input, const CodeRun& run, const StepGradients& gradients,
                      Arena& arena) const override {
    const Index rows = run.codes.rows, width = input.width();
    const float* d_h = gradients.values;
    const Codes* codes = &run.codes;
    for (Index t = steps_ - 1; t > 0; --t) {
      const Codes& previous = run.earlier[t - 1];
      float* d_rows = gradients.d_rows + (t - 1) * rows * input.stride;
      float* d_previous = gradients.earlier[t - 1] = arena.take<float>(previous.nonzeros());
      parallel_for(rows, static_cast<double>(8 * width), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          float* d_row = d_rows + i * input.stride;
          std::fill_n(d_row, input.stride, 0.0f);
          add_encoder_columns(input.product.w.float32(), *codes, d_h, -1.0f, i, d_row);
        }
      });
      decoder_input_gradient(previous, d_rows, input.stride, input.decoder, d_previous);
      parallel_for(rows, 64, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) add_common(*codes, d_h, previous, d_previous, i);
      });
      d_h = d_previous;
      codes = &previous;
    }
  }

 private:
  Codes first_codes(const CodeInput& input, Arena& arena) const {
    EncoderProduct product = input.product;
    product.threshold = 0;
    return codes_above_threshold(product, arena);
  }

  Codes next_codes(const CodeInput& input, const Codes& previous, Index t, Arena& arena) const {
    const Index rows = previous.rows, width = input.width();
    float* residual = input.steps + t * rows * input.stride;
    parallel_for(rows, static_cast<double>(8 * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        std::copy_n(input.steps + i * input.stride, input.stride, residual + i * input.stride);
        add_decoder_rows(previous, i, input.decoder, -1.0f, residual + i * input.stride);
      }
    });
    EncoderProduct product = input.product.without_threshold();
    product.x = {residual, input.stride};
    return filter_codes(product, arena,
                        [&](Index i, std::int32_t* latents, float* values, Index count) {
                          Index kept = 0, at = previous.offsets[i];
                          for (Index nonzero = 0; nonzero < count; ++nonzero) {
                            const std::int32_t j = latents[nonzero];
                            float h = values[nonzero];
                            if (at < previous.offsets[i + 1] && previous.latents[at] == j)
                              h += previous.values[at++];
                            latents[kept] = j;
                            values[kept] = h;
                            kept += h > 0;
                          }
                          return kept;
                        });
  }

  // d_previous += d_h for the latents that row i has in both codes.
  static void add_common(const Codes& codes, const float* d_h, const Codes& previous,
                         float* d_previous, Index i) {
    Index at = previous.offsets[i];
    for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero) {
      while (at < previous.offsets[i + 1] && previous.latents[at] < codes.latents[nonzero]) ++at;
      if (at == previous.offsets[i + 1]) return;
      if (previous.latents[at] == codes.latents[nonzero]) d_previous[at] += d_h[nonzero];
    }
  }

  Index steps_;
  PenaltyWeight l1_;
};

const bool registered = Registry<CodeActivation>::add<ListaActivation>("lista");

}  // namespace
}  // namespace gatewise
