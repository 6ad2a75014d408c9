#include "layers/sparse_pack.h"

#include <algorithm>
#include <numeric>

namespace gatewise {
namespace {

// Count of nonzeros of each unit.
std::vector<Index> count_by_unit(const float* kernel, PanelShape shape) {
  std::vector<Index> counts(static_cast<std::size_t>(shape.cols), 0);
  for (Index k = 0; k < shape.rows; ++k)
    for (Index u = 0; u < shape.cols; ++u) counts[u] += kernel[k * shape.cols + u] != 0;
  return counts;
}

// Units sorted by their count of nonzeros, largest first, within each window; ties stay in order.
std::vector<std::int32_t> sort_units(const std::vector<Index>& counts) {
  std::vector<std::int32_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto units = static_cast<Index>(counts.size());
  for (Index first = 0; first < units; first += kWindow)
    std::stable_sort(order.begin() + first, order.begin() + std::min(first + kWindow, units),
                     [&](std::int32_t a, std::int32_t b) { return counts[a] > counts[b]; });
  return order;
}

}  // namespace

SparseArrays pack_csr(const float* kernel, PanelShape shape) {
  const std::vector<Index> counts = count_by_unit(kernel, shape);
  SparseArrays arrays;
  arrays.offsets.push_back(0);
  arrays.order = sort_units(counts);
  std::vector<Index> next(counts.size());  // where the next nonzero of each unit goes
  for (Index first = 0; first < shape.cols; first += kPanelWidth) {
    const Index end = std::min(first + kPanelWidth, shape.cols), from = arrays.offsets.back();
    Index max_count = 0;
    for (Index at = first; at < end; ++at) {
      const std::int32_t unit = arrays.order[at];
      next[unit] = from * kPanelWidth + at - first;
      max_count = std::max(max_count, counts[unit]);
    }
    arrays.offsets.push_back(static_cast<std::int32_t>(from + max_count));
  }
  const auto lanes = static_cast<std::size_t>(arrays.offsets.back() * kPanelWidth);
  arrays.values.assign(lanes, 0.0f);
  arrays.indices.assign(lanes, static_cast<std::int32_t>(shape.rows));
  for (Index k = 0; k < shape.rows; ++k)
    for (Index u = 0; u < shape.cols; ++u) {
      const float value = kernel[k * shape.cols + u];
      if (value == 0) continue;
      arrays.values[next[u]] = value;
      arrays.indices[next[u]] = static_cast<std::int32_t>(k);
      next[u] += kPanelWidth;
    }
  return arrays;
}

SparseArrays pack_blocks(const float* kernel, PanelShape shape) {
  SparseArrays arrays;
  arrays.offsets.push_back(0);
  for (Index slice = 0; slice < shape.panels(); ++slice) {
    const Index width = shape.width(slice);
    for (Index k = 0; k < shape.rows; ++k) {
      const float* row = kernel + k * shape.cols + slice * kPanelWidth;
      if (std::all_of(row, row + width, [](float value) { return value == 0; })) continue;
      arrays.values.insert(arrays.values.end(), row, row + width);
      arrays.values.resize(arrays.values.size() + static_cast<std::size_t>(kPanelWidth - width));
      arrays.indices.push_back(static_cast<std::int32_t>(k));
    }
    arrays.offsets.push_back(static_cast<std::int32_t>(arrays.indices.size()));
  }
  return arrays;
}

template <typename StorageIndex>
void unpack_sparse(const SparseWeights<StorageIndex>& w, float* kernel) {
  std::fill_n(kernel, w.inputs * w.units, 0.0f);
  const bool is_csr = w.form == SparseForm::kCsr;
  for (Index slice = 0; slice < w.slices(); ++slice)
    for (Index step = w.offsets[slice]; step < w.offsets[slice + 1]; ++step)
      for (Index lane = 0; lane < w.width(slice); ++lane) {
        const Index at = step * kPanelWidth + lane, unit = slice * kPanelWidth + lane;
        const Index input = w.indices[is_csr ? at : step];
        if (input < w.inputs)
          kernel[input * w.units + (is_csr ? w.order[unit] : unit)] = w.values[at];
      }
}

template <typename StorageIndex>
Index num_nonzeros(const SparseWeights<StorageIndex>& w) {
  const Index lanes = w.steps() * kPanelWidth;
  return lanes - std::count(w.values, w.values + lanes, 0.0f);
}

namespace {

// True if the indices of one lane (csr) or of a slice (blocks) in steps [begin, end) are inputs in
// ascending order, apart from padding.
template <typename StorageIndex>
bool are_ascending(const SparseWeights<StorageIndex>& w, Index begin, Index end, Index lane) {
  const bool is_csr = w.form == SparseForm::kCsr;
  Index last = -1;
  for (Index step = begin; step < end; ++step) {
    const Index input = w.indices[is_csr ? step * kPanelWidth + lane : step];
    const bool is_padding = is_csr && input == w.inputs && w.values[step * kPanelWidth + lane] == 0;
    if (input < 0 || (!is_padding && (input >= w.inputs || input <= last))) return false;
    last = input;
  }
  return true;
}

// True if `order` contains every unit once, within its own window.
bool is_order(const std::int32_t* order, Index units) {
  std::vector<char> seen(static_cast<std::size_t>(units), 0);
  for (Index at = 0; at < units; ++at) {
    const Index unit = order[at];
    if (unit < 0 || unit >= units || unit / kWindow != at / kWindow || seen[unit]++) return false;
  }
  return true;
}

}  // namespace

template <typename StorageIndex>
const char* find_error(const SparseWeights<StorageIndex>& w, Index steps) {
  if (w.offsets[0] != 0 || w.offsets[w.slices()] != steps)
    return "panel_offsets: expected them to go from 0 to the number of steps";
  for (Index slice = 0; slice < w.slices(); ++slice)
    if (w.offsets[slice] > w.offsets[slice + 1])
      return "panel_offsets: expected none to be less than the one before";
  if (w.order && !is_order(w.order, w.units))
    return "column_order: expected every unit once, within 256 of its own index";
  for (Index slice = 0; slice < w.slices(); ++slice)
    for (Index lane = 0; lane < (w.order ? kPanelWidth : 1); ++lane)
      if (!are_ascending(w, w.offsets[slice], w.offsets[slice + 1], lane))
        return "indices: expected indices of inputs, ascending for each unit";
  return nullptr;
}

#define GATEWISE_SPARSE_PACK(StorageIndex)                                 \
  template void unpack_sparse(const SparseWeights<StorageIndex>&, float*); \
  template Index num_nonzeros(const SparseWeights<StorageIndex>&);         \
  template const char* find_error(const SparseWeights<StorageIndex>&, Index);
GATEWISE_SPARSE_PACK(std::uint16_t)
GATEWISE_SPARSE_PACK(std::int32_t)

}  // namespace gatewise
