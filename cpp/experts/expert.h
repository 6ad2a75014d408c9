// An expert: the function that each group of rows passes through, with weights of its own.
//
// To add one: derive from Expert in a file of its own, register it there under a name, and give it
// a class in gatewise/experts.py.
#pragma once

#include <string>

#include "core/registry.h"
#include "products/grouped.h"

namespace gatewise {

// What a forward pass leaves for its backward; [rows, hidden] each, with `stride`.
struct ExpertRun {
  const float* output = nullptr;  // as written by forward, with `output_stride`
  Index output_stride = 0;
  float* gate_input = nullptr;  // pre-activations, where the slope needs them
  float* gate = nullptr;        // after the activation
  float* value = nullptr;       // GLU's second factor
  float* hidden = nullptr;      // what the last product reads
  Index stride = 0;

  // The same arrays from `row` on.
  ExpertRun from(Index row) const {
    ExpertRun rest = *this;
    for (float** values : {&rest.gate_input, &rest.gate, &rest.value, &rest.hidden})
      if (*values) *values += row * stride;
    return rest;
  }
};

class Expert {
 public:
  virtual ~Expert() = default;

  // Adds the parameters of `count` experts from `width` values to `units`, named with `prefix`.
  // output_bias: whether each has a bias behind its last product.
  virtual void declare(ParameterBlock& block, const std::string& prefix, Index count, Index width,
                       Index units, bool output_bias) = 0;

  // y row i = f_g(x row i) for the rows of every group g; y [rows, units] with y_stride. Without
  // `keep` there will be no backward.
  virtual ExpertRun forward(const Input& x, const Groups& groups, const ParameterBlock& block,
                            float* y, Index y_stride, bool keep, Arena& arena) const = 0;

  // From d_y [rows, units]: d_x as `d_x` says (nothing where d_x.d_x is null), then the updates of
  // the groups that have rows (none where sink is null). d_y may be overwritten.
  virtual void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                        const ExpertRun& run, const ParameterBlock& block, const InputGradient& d_x,
                        UpdateSink* sink, Arena& arena) const = 0;
};

// The activation of an option that experts apply value by value; a softmax is refused.
inline Activation expert_activation(const Options& options) {
  const Activation kind = activation_from_name(options.text("expert.activation"));
  require(kind != Activation::kSoftmax,
          "activation: expected an elementwise activation inside an expert, got softmax");
  return kind;
}

// d_x = d_y f'(x) for [rows, width] with one stride for all arrays; rows in parallel.
inline void backward_rows(Activation kind, const float* x, const float* y, const float* d_y,
                          float* d_x, Index rows, Index width, Index stride) {
  if (kind == Activation::kLinear && d_x == d_y) return;
  parallel_for(rows, static_cast<double>(width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index at = i * stride;
      activate_backward(kind, x ? x + at : nullptr, y + at, d_y + at, d_x + at, width);
    }
  });
}

}  // namespace gatewise
