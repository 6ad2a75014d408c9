// Dimension letters, and the views that all folders use.
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

// Rows of a row-major matrix, read. Row i is at data + (index ? index[i] : i) * stride, so a batch
// of shuffled samples, or the rows of one expert, is read without a copy.
struct Rows {
  const float* data = nullptr;
  Index stride = 0;
  const Index* index = nullptr;

  const float* row(Index i) const { return data + (index ? index[i] : i) * stride; }

  // The rows from `row` on; row i of the result is row `row` + i.
  Rows from(Index row) const {
    return index ? Rows{data, stride, index + row} : Rows{data + row * stride, stride, nullptr};
  }
};

// CSR rows, read: row i holds nonzeros offsets[r] .. offsets[r + 1] with r = index ? index[i] : i.
struct SparseRows {
  const Index* offsets = nullptr;
  const std::int32_t* columns = nullptr;
  const float* values = nullptr;
  const Index* index = nullptr;

  Index begin(Index i) const { return offsets[index ? index[i] : i]; }
  Index end(Index i) const { return offsets[(index ? index[i] : i) + 1]; }

  // Nonzero count of rows [row, row_end).
  Index nonzeros(Index row, Index row_end) const {
    Index count = 0;
    for (; row < row_end; ++row) count += end(row) - begin(row);
    return count;
  }

  SparseRows from(Index row) const {
    SparseRows rest = *this;
    if (index)
      rest.index += row;
    else
      rest.offsets += row;
    return rest;
  }
};

// Rows of a row-major matrix of integers, read like Rows.
struct IntegerRows {
  const std::int32_t* data = nullptr;
  Index stride = 0;
  const Index* index = nullptr;

  const std::int32_t* row(Index i) const { return data + (index ? index[i] : i) * stride; }

  IntegerRows from(Index row) const {
    return index ? IntegerRows{data, stride, index + row}
                 : IntegerRows{data + row * stride, stride, nullptr};
  }
};

// Input of a layer: dense rows, CSR rows if `sparse.offsets` is set, or integers if `integers.data`
// is.
struct Input {
  Rows dense = {};
  SparseRows sparse = {};
  IntegerRows integers = {};
  Index width = 0;

  bool is_sparse() const { return sparse.offsets != nullptr; }
  bool is_integer() const { return integers.data != nullptr; }

  // The same matrix with row i taken from rows[i].
  Input at(const Index* rows) const {
    Input result = *this;
    if (is_sparse())
      result.sparse.index = rows;
    else if (is_integer())
      result.integers.index = rows;
    else
      result.dense.index = rows;
    return result;
  }
  const Index* index() const {
    if (is_integer()) return integers.index;
    return is_sparse() ? sparse.index : dense.index;
  }

  // The rows from `row` on; row i of the result is row `row` + i.
  Input from(Index row) const {
    Input rest = *this;
    if (is_sparse())
      rest.sparse = sparse.from(row);
    else if (is_integer())
      rest.integers = integers.from(row);
    else
      rest.dense = dense.from(row);
    return rest;
  }
};

}  // namespace gatewise
