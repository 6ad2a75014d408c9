// Conversion between row-major kernels and the sparse forms of core/sparse_weights.h.
#pragma once

#include <vector>

#include "core/sparse_weights.h"

namespace gatewise {

// The arrays of a sparse kernel, as SparseWeights describes them.
struct SparseArrays {
  std::vector<float> values;
  std::vector<std::int32_t> indices;
  std::vector<std::int32_t> offsets;
  std::vector<std::int32_t> order;  // empty for blocks

  Index steps() const { return static_cast<Index>(values.size()) / kPanelWidth; }
};

// kernel [rows, cols] of `shape`, row-major, read; NaN counts as a nonzero, -0 does not.
SparseArrays pack_csr(const float* kernel, PanelShape shape);
SparseArrays pack_blocks(const float* kernel, PanelShape shape);

// kernel [inputs, units] row-major, overwritten.
template <typename StorageIndex>
void unpack_sparse(const SparseWeights<StorageIndex>& w, float* kernel);

// Count of values that are not 0.
template <typename StorageIndex>
Index num_nonzeros(const SparseWeights<StorageIndex>& w);

// Checks arrays from an untrusted source before a product reads them. Returns what is wrong, or
// null if they fit SparseWeights. `steps` is the step count of values and indices.
template <typename StorageIndex>
const char* find_error(const SparseWeights<StorageIndex>& w, Index steps);

}  // namespace gatewise
