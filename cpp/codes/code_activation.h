// From rows to sparse codes, and gradients back.
//
// To add an activation: derive from CodeActivation in a file of its own, register it there under a
// name, and give it a class in gatewise/sae/activations.py.
#pragma once

#include "codes/codes.h"
#include "core/options.h"
#include "core/parameters.h"
#include "core/registry.h"
#include "kernels/update.h"

namespace gatewise {

// The rows that are encoded, and the dictionary.
struct CodeInput {
  EncoderProduct product;  // of u, with the encoder's bias; its `threshold` is the threshold
  Index latents = 0;
  // [steps * rows, stride]: u, and room for what later steps encode.
  float* steps = nullptr;
  Index stride = 0;
  const float* decoder = nullptr;  // W_d [latents, decoder_stride]
  Index decoder_stride = 0;
  bool training = false;

  Index width() const { return product.w.shape.rows; }
};

// What several steps leave for the encoder and the decoder beside the last one's code.
struct StepGradients {
  const float* values = nullptr;  // [nonzeros] by u W_e of the last step
  float* d_rows = nullptr;        // [(steps - 1) * rows, stride] to be set: by z_t W_d
  float** earlier = nullptr;      // [steps - 1] to be set: [nonzeros] by the product of each step
};

// One forward pass of an activation, saved for its backward.
struct CodeRun {
  // In training a nonzero may be 0, where its pre-activation has a gradient all the same.
  Codes codes;
  double loss = 0;               // penalties, in units of u
  float* saved = nullptr;        // [nonzeros] what else the activation reads in its backward
  float* gate_values = nullptr;  // [nonzeros] a second code on the same latents, or null
  float smallest = 0;            // BatchTopK: the smallest value that was taken
  Codes* earlier = nullptr;      // LISTA: the codes [steps - 1] of the steps before the last
};

// The gradients of a code, which become those of the encoder.
struct CodeGradients {
  // [nonzeros] by z; then by u W_e.
  float* values = nullptr;
  // [nonzeros] by the second code, where there is one.
  const float* gate_values = nullptr;
  // [nonzeros] by b_e; `values` unless set.
  const float* bias = nullptr;
  // Vectors of the activation's own, [latents]: the number of each, and its gradient in each
  // nonzero.
  struct ParameterGradient {
    int parameter = -1;
    const float* gradients = nullptr;
  };
  ParameterGradient parameter_gradients[2];
};

class CodeActivation {
 public:
  virtual ~CodeActivation() = default;

  // Adds parameters of its own to the layer's block.
  virtual void declare(ParameterBlock&, Index /*latents*/) {}

  virtual CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                          Arena& arena) const = 0;

  virtual void backward(const CodeRun&, const ParameterBlock&, CodeGradients&, Arena&) const {}

  // After a training step, with that step's run: what is no gradient.
  virtual void finish_step(const CodeRun&, ParameterBlock&) const {}

  // How often the encoder is applied. Where that is more than once, the gradients of the steps
  // before the last follow `backward`.
  virtual Index steps() const { return 1; }
  virtual void backward_steps(const CodeInput&, const CodeRun&, const StepGradients&,
                              Arena&) const {}
};

// l1 mean_i sum_j of the nonzeros' values.
double l1_penalty(float l1, const float* values, const Codes& codes);

// An L1 penalty's gradient by each positive value.
inline float l1_gradient(float l1, Index rows) { return l1 / static_cast<float>(rows); }

}  // namespace gatewise
