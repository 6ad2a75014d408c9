// Activations of a dictionary: sparse codes from rows, and their gradients.
//
// To add an activation: derive from CodeActivation in a new file, register it there under a name,
// and add a class in gatewise/sae/activations.py.
#pragma once

#include "codes/codes.h"
#include "core/options.h"
#include "core/parameters.h"
#include "core/registry.h"
#include "kernels/update.h"

namespace gatewise {

// The rows that are encoded, and the dictionary.
struct CodeInput {
  EncoderProduct product;  // of u, with the encoder's bias and the threshold
  Index latents = 0;
  // [steps * rows, stride]: u, then memory for the rows that later steps encode.
  float* steps = nullptr;
  Index stride = 0;
  StoredRows decoder;  // W_d [latents, width]
  bool training = false;

  Index width() const { return product.w.shape.rows; }
};

// Gradients of the steps before the last (LISTA), for the encoder and the decoder.
struct StepGradients {
  const float* values = nullptr;  // [nonzeros], read: of u W_e in the last step
  float* d_rows = nullptr;        // [(steps - 1) * rows, stride], set: of z_t W_d
  float** earlier = nullptr;      // [steps - 1], set: [nonzeros] of each step's product
};

// One forward pass of an activation, saved for its backward.
struct CodeRun {
  // In training the value of a nonzero may be 0, if its pre-activation has a gradient.
  Codes codes;
  double loss = 0;               // sum of penalties, in the scale of u
  float* saved = nullptr;        // [nonzeros] further input of the activation's backward
  float* gate_values = nullptr;  // [nonzeros] a second code on the same latents, or null
  float smallest = 0;            // BatchTopK: the smallest value kept
  Codes* earlier = nullptr;      // LISTA: [steps - 1] codes of the steps before the last
};

// The gradients of a code; `backward` turns them into those of the encoder.
struct CodeGradients {
  // [nonzeros] of z before `backward`, of u W_e after it.
  float* values = nullptr;
  // [nonzeros] of the second code, if there is one.
  const float* gate_values = nullptr;
  // [nonzeros] of b_e; if null, `values` is used.
  const float* bias = nullptr;
  // The activation's parameters, vectors [latents]: index of each, and its gradient [nonzeros].
  struct ParameterGradient {
    int parameter = -1;
    const float* gradients = nullptr;
  };
  ParameterGradient parameter_gradients[2];
};

class CodeActivation {
 public:
  virtual ~CodeActivation() = default;

  // Adds the activation's parameters to the layer's block.
  virtual void declare(ParameterBlock&, Index /*latents*/) {}

  virtual CodeRun forward(const CodeInput& input, const ParameterBlock& block,
                          Arena& arena) const = 0;

  virtual void backward(const CodeRun&, const ParameterBlock&, CodeGradients&, Arena&) const {}

  // Called after a training step with its run, for updates that need no gradient.
  virtual void finish_step(const CodeRun&, ParameterBlock&) const {}

  // How often the encoder is applied. If more than once, `backward_steps` computes the gradients of
  // the steps before the last, after `backward`.
  virtual Index steps() const { return 1; }
  virtual void backward_steps(const CodeInput&, const CodeRun&, const StepGradients&,
                              Arena&) const {}
};

// l1 mean_i sum_j values_ij over the nonzeros of `codes`.
double l1_penalty(float l1, const float* values, const Codes& codes);

// Gradient of `l1_penalty` with respect to each value.
inline float l1_gradient(float l1, Index rows) { return l1 / static_cast<float>(rows); }

}  // namespace gatewise
