// The parameters of one layer: named arrays in one aligned block. The matrices of all experts are
// `count` slices of one parameter. Kernels have panel layout; vectors, and matrices that are read
// row by row, are row-major with rows padded to 16 floats. Kernels of products may take 2, 1 or
// half a byte a value. Indices of units and inputs take 4 or 2 bytes each, row-major without
// padding. All sizes are floats of memory.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/errors.h"
#include "core/panels.h"
#include "core/quantized_panels.h"

namespace gatewise {

// Weight groups of a matrix [inputs, units] that an L1 penalty shrinks instead of single weights:
// the weights of one input, of one unit, or of one input to the 16 units of a panel.
enum class WeightGroups { kNone, kInputs, kUnits, kBlocks };

// What each update makes of the weights of a matrix; kernels/constrain.h has the formulas.
enum class ConstraintKind { kNone, kNonNegative, kNorm };

struct Constraint {
  ConstraintKind kind = ConstraintKind::kNone;
  // kNorm: rows of the matrix, each once; the first `group_rows` are a group, and so on. A norm is
  // that of one column of a group, or of the whole group.
  std::vector<Index> rows = {};
  Index group_rows = 1;
  bool by_column = true;
  float min_norm = 0, max_norm = 0, rate = 1;

  Index num_groups() const { return static_cast<Index>(rows.size()) / group_rows; }
};

struct Parameter {
  std::string name;
  std::string role;    // kernel, bias, scale, router, alpha, state, quantization or nonzeros
  Index count = 1;     // slices: experts, or 1
  Index capacity = 1;  // the largest count, for which the block has memory
  // Which slice each is, for what belongs to it, such as moments; empty: 0, 1, ... A slice that is
  // made of others gets a new id.
  std::vector<Index> slice_ids = {};
  bool per_expert = false;  // if true, `count` is an axis of the natural shape
  PanelShape shape;         // of a slice; a vector of u values is {1, u}
  bool is_matrix = true;    // if true, the rows are an axis of the natural shape
  Layout layout = Layout::kPanels;
  Storage storage = Storage::kFloat32;
  int scale = -1;        // of int8 and int4: index of the parameter with the scale of each column,
                         // or row in Layout::kRows
  int block_scale = -1;  // of an int4 matrix: index of the parameter with the scale of each block
  Index block_rows = 0;  // of an int4 matrix
  // Of a float32 kernel with bfloat16 products: where the copy of slice 0 begins among the block's
  // copies, in values; -1: none.
  Index copy_offset = -1;
  int nonzeros = -1;  // of a sparse matrix: index of the first parameter of its nonzeros
  Index offset = 0;   // of slice 0 in the block
  float l1 = 0;
  float l2 = 0;
  WeightGroups groups = WeightGroups::kNone;  // of l1
  bool keeps_zeros = false;  // if true, an update leaves values that are exactly 0 unchanged
  Constraint constraint = {};
  // If updates wait until all gradients are known, the layer computes this gradient twice, for its
  // norm and for the update, and never stores it.
  bool recomputes_gradient = false;
  // A layer may leave parts of a slice out of an update, which a stored gradient does not show.
  bool is_updated_in_parts = false;

  Index slice_floats() const {
    if (storage == Storage::kSparse) return 0;
    if (holds_integers())
      return round_up(ceil_divide(shape.rows * shape.cols * integer_bytes(storage), sizeof(float)),
                      kPanelWidth);
    return layout == Layout::kPanels ? panel_floats(storage, shape)
                                     : round_up(shape.rows * row_floats(), kPanelWidth);
  }
  // Values of a slice's bfloat16 copy, and where it begins among the block's copies.
  Index copy_index(Index slice) const { return copy_offset + slice * copy_values(); }
  Index copy_values() const { return shape.panels() * Bfloat16Panels::panel_values(shape); }
  // Floats from one row to the next in Layout::kRows.
  Index row_floats() const { return gatewise::row_floats(storage, shape.cols); }
  Index slice_offset(Index slice) const { return offset + slice * slice_floats(); }
  Index values() const { return count * shape.rows * shape.cols; }
  bool holds_integers() const {
    return storage == Storage::kUint8 || storage == Storage::kUint16 || storage == Storage::kInt32;
  }
  bool is_trained() const { return role != "state" && !is_quantized(); }
  // True if it is stored in a form for prediction only.
  bool is_quantized() const {
    return storage != Storage::kFloat32 || role == "quantization" || role == "nonzeros";
  }
};

class ParameterBlock {
 public:
  // Adds a parameter and returns its index. All are added before `allocate`.
  int add_matrix(const std::string& name, const std::string& role, Index rows, Index cols) {
    return add({.name = name, .role = role, .shape = {rows, cols}});
  }
  int add_vector(const std::string& name, const std::string& role, Index size) {
    return add({.name = name,
                .role = role,
                .shape = {1, size},
                .is_matrix = false,
                .layout = Layout::kRows});
  }
  // A matrix that is read row by row.
  int add_rows(const std::string& name, const std::string& role, Index rows, Index cols) {
    return add({.name = name, .role = role, .shape = {rows, cols}, .layout = Layout::kRows});
  }
  // Kernels of products, stored as set by `store_kernels_as`; a kernel in int8 or int4 is followed
  // by its scales.
  int add_kernel(const std::string& name, Index rows, Index cols) {
    check_depth(name, rows);
    return add_stored({.name = name, .role = "kernel", .shape = {rows, cols}});
  }
  // Kernels whose stored values are widened before float32 products: in panels, or read row by row
  // with a scale for each row.
  int add_widened_kernel(const std::string& name, const std::string& role, Index rows, Index cols) {
    check_widened(name);
    return add_stored({.name = name, .role = role, .shape = {rows, cols}});
  }
  int add_widened_rows(const std::string& name, Index rows, Index cols) {
    check_widened(name);
    return add_stored(
        {.name = name, .role = "kernel", .shape = {rows, cols}, .layout = Layout::kRows});
  }
  int add_expert_matrix(const std::string& name, Index count, Index rows, Index cols) {
    check_depth(name, rows);
    return add_stored({.name = name,
                       .role = "kernel",
                       .count = count,
                       .per_expert = true,
                       .shape = {rows, cols}});
  }
  int add_expert_vector(const std::string& name, Index count, Index size,
                        const std::string& role = "bias") {
    return add({.name = name,
                .role = role,
                .count = count,
                .per_expert = true,
                .shape = {1, size},
                .is_matrix = false,
                .layout = Layout::kRows});
  }

  // A sparse matrix; the parameters of its nonzeros (core/sparse_weights.h) are added next.
  int add_sparse_matrix(const std::string& name, Index rows, Index cols) {
    const int index =
        add({.name = name, .role = "kernel", .shape = {rows, cols}, .storage = Storage::kSparse});
    parameters_[index].nonzeros = index + 1;
    return index;
  }
  // Integers of its nonzeros: [rows, cols], or a vector if not `is_matrix`.
  int add_integers(const std::string& name, Storage storage, Index rows, Index cols,
                   bool is_matrix) {
    return add({.name = name,
                .role = "nonzeros",
                .shape = {rows, cols},
                .is_matrix = is_matrix,
                .layout = Layout::kRows,
                .storage = storage});
  }

  // Sets the storage of all kernels that are added afterwards; block_rows of int4, a multiple of 8.
  void store_kernels_as(Storage storage, Index block_rows = 0) {
    kernel_storage_ = storage;
    block_rows_ = block_rows;
  }

  // Products with the kernels that are added afterwards read bfloat16 copies of them, which follow
  // every write.
  void keep_bfloat16_copies() { keeps_copies_ = true; }

  // Begins the names of all parameters that are added afterwards.
  void set_name_prefix(const std::string& prefix) { name_prefix_ = prefix; }

  void allocate() {
    values_ = AlignedBuffer(size_);
    copies_ = AlignedBuffer(copies_size_ / 2);
  }

  const std::vector<Parameter>& all() const { return parameters_; }
  const Parameter& at(int index) const { return parameters_[index]; }
  Parameter& find(const std::string& name) {
    for (Parameter& parameter : parameters_)
      if (parameter.name == name) return parameter;
    fail("name: no parameter is called ", name);
  }

  // True if the block is for prediction only.
  bool is_quantized() const {
    return std::any_of(parameters_.begin(), parameters_.end(),
                       [](const Parameter& parameter) { return parameter.is_quantized(); });
  }

  // Count of values in natural shapes.
  Index values() const {
    Index sum = 0;
    for (const Parameter& parameter : parameters_)
      if (parameter.storage != Storage::kSparse) sum += parameter.values();
    return sum;
  }

  Index size() const { return size_; }
  float* data() { return values_.data(); }
  const float* data() const { return values_.data(); }
  float* slice(int index, Index slice = 0) {
    return values_.data() + parameters_[index].slice_offset(slice);
  }
  const float* slice(int index, Index slice = 0) const {
    return values_.data() + parameters_[index].slice_offset(slice);
  }
  // The bfloat16 copy of a kernel; null if it has none.
  std::uint16_t* copy(const Parameter& parameter, Index slice = 0) {
    if (parameter.copy_offset < 0) return nullptr;
    return reinterpret_cast<std::uint16_t*>(copies_.data()) + parameter.copy_index(slice);
  }
  const std::uint16_t* copy(const Parameter& parameter, Index slice = 0) const {
    if (parameter.copy_offset < 0) return nullptr;
    return reinterpret_cast<const std::uint16_t*>(copies_.data()) + parameter.copy_index(slice);
  }
  Panels panels(int index, Index slice = 0) const {
    return {this->slice(index, slice), parameters_[index].shape};
  }
  StoredPanels stored_panels(int index) const {
    return {slice(index), parameters_[index].shape, parameters_[index].storage, scales(index)};
  }
  StoredRows stored_rows(int index) const {
    const PanelShape shape = parameters_[index].shape;
    return {slice(index), round_up(shape.cols, kPanelWidth), shape.cols, parameters_[index].storage,
            scales(index)};
  }

 private:
  // Of the columns or rows of a matrix in int8 or int4; null for other types.
  const float* scales(int index) const {
    return parameters_[index].scale < 0 ? nullptr : slice(parameters_[index].scale);
  }

  void check_depth(const std::string& name, Index rows) const {
    require(!has_integer_products(kernel_storage_) || rows <= kMaxInt8Depth, name,
            ": expected at most ", kMaxInt8Depth, " rows for exact sums of ",
            storage_name(kernel_storage_), ", got ", rows);
  }
  void check_widened(const std::string& name) const {
    require(kernel_storage_ != Storage::kInt4, name,
            ": expected bfloat16 or int8 for a dictionary, got int4");
  }

  int add_stored(Parameter parameter) {
    const PanelShape shape = parameter.shape;
    const bool by_rows = parameter.layout == Layout::kRows;
    parameter.storage = kernel_storage_;
    const int index = add(parameter);
    if (keeps_copies_ && kernel_storage_ == Storage::kFloat32 && !by_rows) {
      parameters_[index].copy_offset = copies_size_;
      copies_size_ += round_up(parameter.count * parameters_[index].copy_values(), kPanelWidth * 2);
    }
    if (has_integer_products(kernel_storage_))
      parameters_[index].scale = add({.name = parameter.name + "_scale",
                                      .role = "quantization",
                                      .count = parameter.count,
                                      .per_expert = parameter.per_expert,
                                      .shape = {1, by_rows ? shape.rows : shape.cols},
                                      .is_matrix = false,
                                      .layout = Layout::kRows});
    if (kernel_storage_ == Storage::kInt4) {
      parameters_[index].block_rows = block_rows_;
      parameters_[index].block_scale =
          add({.name = parameter.name + "_block_scale",
               .role = "quantization",
               .count = parameter.count,
               .per_expert = parameter.per_expert,
               .shape = {ceil_divide(shape.rows, block_rows_), shape.cols},
               .layout = Layout::kRows,
               .storage = Storage::kUint8});
    }
    return index;
  }

  int add(Parameter parameter) {
    const PanelShape& shape = parameter.shape;
    require(parameter.count >= 1 && shape.rows >= 0 && shape.cols >= 0, parameter.name,
            ": expected sizes of at least 0");
    // With padding to whole registers.
    const Index floats = size_product(parameter.name.c_str(),
                                      {parameter.count, shape.rows + 1, shape.cols + kPanelWidth});
    require(floats <= kMaxFloats - size_, parameter.name, ": expected at most ", kMaxFloats,
            " values in a layer");
    if (!name_prefix_.empty()) {
      std::string name = name_prefix_;
      name.append(parameter.name);
      parameter.name = std::move(name);
    }
    parameter.offset = size_;
    parameter.capacity = parameter.count;
    size_ += parameter.count * parameter.slice_floats();
    parameters_.push_back(std::move(parameter));
    return static_cast<int>(parameters_.size()) - 1;
  }

  Storage kernel_storage_ = Storage::kFloat32;
  Index block_rows_ = 0;
  bool keeps_copies_ = false;
  std::string name_prefix_;
  std::vector<Parameter> parameters_;
  AlignedBuffer values_;
  Index size_ = 0;
  AlignedBuffer copies_;
  Index copies_size_ = 0;  // in values
};

}  // namespace gatewise
