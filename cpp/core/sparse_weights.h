// A kernel W [inputs, units] stored without its zeros, for prediction only.
//
// Units are grouped in slices of 16; the last slice may have fewer. Slice s has steps [offsets[s],
// offsets[s + 1]); step t holds one value for each of its units, values[16 t + lane].
//
//   csr     A step holds one nonzero of each unit, with its input index in indices[16 t + lane];
//           inputs ascend. A lane with fewer nonzeros than others is padded with value 0 at input
//           index `inputs`, where every row is taken to have a 0. Units are sorted by their nonzero
//           count within windows of 256, which keeps padding small; order[16 s + lane] is the unit.
//           (SELL-C-sigma, Kreutzer et al. 2014, figure 1, of W^T; C = 16, sigma = 256.)
//   blocks  A step holds the weights of one input, indices[t], for which at least one unit of the
//           slice has a nonzero weight; inputs ascend. Units keep their order.
#pragma once

#include <cstdint>

#include "core/parameters.h"

namespace gatewise {

enum class SparseForm { kCsr, kBlocks };

inline SparseForm sparse_form_from_name(const std::string& name) {
  if (name == "csr") return SparseForm::kCsr;
  if (name == "blocks") return SparseForm::kBlocks;
  fail("form: expected csr or blocks, got ", name);
}

// Units of a window of csr, a multiple of 16. With 2,048 units that each have 1 % of 2,048 inputs,
// drawn independently, padding adds 4 % in windows of 256, 13 % in windows of 64, and 41 % without
// sorting.
inline constexpr Index kWindow = 256;

// StorageIndex: std::uint16_t if `inputs` fits, else std::int32_t.
template <typename StorageIndex>
struct SparseWeights {
  SparseForm form = SparseForm::kCsr;
  Index inputs = 0;
  Index units = 0;
  const float* values = nullptr;          // [steps, 16]
  const StorageIndex* indices = nullptr;  // [steps, 16]; blocks: [steps]
  const std::int32_t* offsets = nullptr;  // [slices + 1]
  const std::int32_t* order = nullptr;    // [units]; blocks: null

  Index slices() const { return ceil_divide(units, kPanelWidth); }
  Index windows() const { return ceil_divide(units, kWindow); }
  Index steps() const { return offsets[slices()]; }
  // Unit count of slice s.
  Index width(Index s) const { return std::min(kPanelWidth, units - s * kPanelWidth); }
};

inline bool fits_uint16(Index inputs) { return inputs <= 0xffff; }

// Adds a kernel with `steps` steps and the parameters of its nonzeros; returns the kernel's index.
inline int add_sparse_kernel(ParameterBlock& block, PanelShape shape, SparseForm form,
                             Index steps) {
  const bool is_csr = form == SparseForm::kCsr;
  const Storage indices = fits_uint16(shape.rows) ? Storage::kUint16 : Storage::kInt32;
  const int kernel = block.add_sparse_matrix("kernel", shape.rows, shape.cols);
  block.add_rows("data", "nonzeros", steps, kPanelWidth);
  block.add_integers("indices", indices, is_csr ? steps : 1, is_csr ? kPanelWidth : steps, is_csr);
  block.add_integers("panel_offsets", Storage::kInt32, 1, shape.panels() + 1, false);
  if (is_csr) block.add_integers("column_order", Storage::kInt32, 1, shape.cols, false);
  return kernel;
}

// Calls body(SparseWeights<StorageIndex>) with a view of a kernel that `add_sparse_kernel` added.
template <typename Body>
auto with_sparse_weights(const ParameterBlock& block, const Parameter& kernel, const Body& body) {
  const int first = kernel.nonzeros;
  const Parameter& indices = block.at(first + 1);
  const auto view = [&]<typename StorageIndex>(StorageIndex) {
    const auto integers = [&]<typename Integer>(int index, Integer) {
      return reinterpret_cast<const Integer*>(block.slice(index));
    };
    SparseWeights<StorageIndex> w;
    w.form = indices.is_matrix ? SparseForm::kCsr : SparseForm::kBlocks;
    w.inputs = kernel.shape.rows;
    w.units = kernel.shape.cols;
    w.values = block.slice(first);
    w.indices = integers(first + 1, StorageIndex{});
    w.offsets = integers(first + 2, std::int32_t{});
    if (w.form == SparseForm::kCsr) w.order = integers(first + 3, std::int32_t{});
    return body(w);
  };
  return indices.storage == Storage::kUint16 ? view(std::uint16_t{}) : view(std::int32_t{});
}

}  // namespace gatewise
