// Activations that read only a row's pre-activations. A dictionary computes them as CSR codes, a
// stacked autoencoder (layers/sparse_code.cpp) as dense rows.
#pragma once

#include "codes/code_activation.h"
#include "kernels/code_rows.h"

namespace gatewise {

// Rows h and z have `width` values. Penalties depend on the sum of each latent's values over the
// rows, sums [width].
class DenseCodeActivation : public CodeActivation {
 public:
  // Values up to `threshold` become 0. `chosen`: memory for `chosen_per_row()` indices.
  virtual void encode_row(const float* h, float threshold, float* z, Index width,
                          std::int32_t* chosen) const = 0;
  virtual Index chosen_per_row() const { return 0; }
  // If false, the threshold must be 0.
  virtual bool has_threshold() const { return true; }

  virtual bool has_penalty() const { return false; }
  virtual double penalty(const double* /*sums*/, Index /*width*/, Index /*rows*/) const {
    return 0;
  }
  // Sets the penalty's gradient with respect to each z of a column, the same in all rows.
  virtual void penalty_gradients(const double* /*sums*/, Index /*width*/, Index /*rows*/,
                                 float* /*gradients*/) const {}

  // Sets d_h, or with `accumulate` adds to it, from the gradients of z and the penalty's (null: 0).
  virtual void backward_row(const float* z, const float* d_z, const float* penalty, float* d_h,
                            Index width, bool accumulate) const {
    keep_above_backward(z, d_z, penalty, false, d_h, width, accumulate);
  }
};

// Registers an activation of dictionaries and of stacks.
template <typename Derived>
bool add_dense_activation(const std::string& kind) {
  return Registry<CodeActivation>::add<Derived>(kind) &&
         Registry<DenseCodeActivation>::add<Derived>(kind);
}

}  // namespace gatewise
