// Sparse kernels for tests, as dense matrices and in the compressed forms.
#pragma once

#include "layers/parameter_values.h"
#include "layers/sparse_pack.h"
#include "reference.h"

namespace gatewise::reference {

inline constexpr SparseForm kForms[] = {SparseForm::kCsr, SparseForm::kBlocks};

inline std::string form_name(SparseForm form) {
  return form == SparseForm::kCsr ? "csr" : "blocks";
}

// W [depth, units] with about `density` nonzeros. Every seventh unit and every fifth input is
// empty, unless `density` is 1.
inline Matrix sparse_matrix(Index depth, Index units, double density, RandomGenerator& rng) {
  Matrix w(depth, units, units, rng);
  for (Index k = 0; k < depth; ++k)
    for (Index u = 0; u < units; ++u) {
      const bool is_empty = density < 1 && (u % 7 == 3 || k % 5 == 2);
      if (is_empty || rng.uniform(0, 1) >= density) w.at(k, u) = 0;
    }
  return w;
}

// A parameter block with a kernel in a sparse form, as in a layer.
struct SparseKernel {
  ParameterBlock block;
  int parameter_index;
  SparseArrays arrays;

  SparseKernel(const Matrix& w, SparseForm form) {
    const PanelShape shape{w.rows, w.cols};
    arrays = form == SparseForm::kCsr ? pack_csr(w.data(), shape) : pack_blocks(w.data(), shape);
    parameter_index = add_sparse_kernel(block, shape, form, arrays.steps());
    block.allocate();
    const std::vector<std::uint16_t> short_indices(arrays.indices.begin(), arrays.indices.end());
    const void* indices = arrays.indices.data();
    if (fits_uint16(w.rows)) indices = short_indices.data();
    const void* all[] = {arrays.values.data(), indices, arrays.offsets.data(), arrays.order.data()};
    for (int i = 0; parameter_index + 1 + i < static_cast<int>(block.all().size()); ++i)
      write_stored(block, block.at(parameter_index + 1 + i), 0, all[i]);
  }

  const Parameter& parameter() const { return block.at(parameter_index); }
};

}  // namespace gatewise::reference
