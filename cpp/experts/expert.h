// An expert: a function with its own weights, applied to a group of rows.
//
// To add one: derive from Expert in a new file, register it there under a name, and add its class
// in gatewise/experts.py.
#pragma once

#include <string>

#include "core/registry.h"
#include "products/grouped.h"

namespace gatewise {

class Expert {
 public:
  virtual ~Expert() = default;

  // Adds the parameters of `count` experts that map `width` values to `units`, with `prefix` before
  // their names. output_bias: whether each has a bias after its last product.
  virtual void declare(ParameterBlock& block, const std::string& prefix, Index count, Index width,
                       Index units, bool output_bias) = 0;

  // Row i of y = f_g(row i of x) for the rows of every group g; y [rows, units] with y_stride.
  // `keep`: whether a backward will follow. Returns what the expert saves for it in `arena`.
  virtual const void* forward(const Input& x, const Groups& groups, const ParameterBlock& block,
                              float* y, Index y_stride, bool keep, Arena& arena) const = 0;

  // From d_y [rows, units], which may be overwritten, and the result of `forward`: computes the
  // gradient of x as `d_x` describes (skipped if d_x.d_x is null), then updates the groups that
  // have rows (skipped if sink is null).
  virtual void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                        const void* saved, const ParameterBlock& block, const InputGradient& d_x,
                        UpdateSink* sink, Arena& arena) const = 0;
};

// The elementwise activation of an expert's options; softmax is rejected.
inline Activation expert_activation(const Options& options) {
  const Activation kind = activation_from_name(options.text("expert.activation"));
  require(kind != Activation::kSoftmax,
          "activation: expected an elementwise activation inside an expert, got softmax");
  return kind;
}

// d_x = d_y f'(x). All arrays are [rows, width] with `stride`; d_x may alias d_y. Rows run in
// parallel.
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
