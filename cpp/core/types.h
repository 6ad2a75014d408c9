// Dimension letters and the views that every folder passes around.
//
//   n  rows            d  input width      h  hidden width
//   E  experts         k  kept per row     m  latents
#pragma once

#include <cstdint>

namespace gatewise {

using Index = std::int64_t;

// Width of a weight panel in floats: one AVX-512 register, two AVX or four SSE registers.
inline constexpr Index kPanelWidth = 16;

inline constexpr Index round_up(Index value, Index multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

inline constexpr Index ceil_divide(Index value, Index divisor) {
  return (value + divisor - 1) / divisor;
}

// Rows of a row-major matrix, read. Row i lies at data + (index ? index[i] : i) * stride, so a
// batch of shuffled samples, or the rows that one expert was sent, is read where it lies.
struct Rows {
  const float* data = nullptr;
  Index stride = 0;
  const Index* index = nullptr;

  const float* row(Index i) const { return data + (index ? index[i] : i) * stride; }
};

// CSR rows, read: row i holds entries offsets[r] .. offsets[r + 1] with r = index ? index[i] : i.
struct SparseRows {
  const Index* offsets = nullptr;
  const std::int32_t* columns = nullptr;
  const float* values = nullptr;
  const Index* index = nullptr;

  Index begin(Index i) const { return offsets[index ? index[i] : i]; }
  Index end(Index i) const { return offsets[(index ? index[i] : i) + 1]; }
};

// What a layer reads: dense rows, or CSR rows when `sparse.offsets` is set.
struct Input {
  Rows dense = {};
  SparseRows sparse = {};
  Index width = 0;

  bool is_sparse() const { return sparse.offsets != nullptr; }

  // The same matrix with row i taken from rows[i].
  Input at(const Index* rows) const {
    Input result = *this;
    (is_sparse() ? result.sparse.index : result.dense.index) = rows;
    return result;
  }
  // The same matrix without its first `start` rows.
  Input from(Index start) const {
    if (index()) return at(index() + start);
    Input result = *this;
    if (is_sparse())
      result.sparse.offsets += start;
    else
      result.dense.data += start * dense.stride;
    return result;
  }
  const Index* index() const { return is_sparse() ? sparse.index : dense.index; }
};

}  // namespace gatewise
