// The parameters of one layer: named arrays in one aligned block. A matrix per expert is `count`
// slices of one parameter; kernels lie in panel layout, vectors plainly, each slice padded to 16
// floats.
#pragma once

#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/errors.h"
#include "core/panels.h"

namespace gatewise {

struct Parameter {
  std::string name;
  std::string role;         // kernel, bias, scale, router, alpha or state
  Index count = 1;          // slices: experts, or 1
  bool per_expert = false;  // whether `count` is an axis of the natural shape
  PanelShape shape;         // of a slice; a vector of u values is {1, u}
  bool is_matrix = true;
  Index offset = 0;  // of slice 0 in the block
  float l1 = 0;
  float l2 = 0;

  Index slice_floats() const {
    return is_matrix ? shape.floats() : round_up(shape.cols, kPanelWidth);
  }
  Index slice_offset(Index slice) const { return offset + slice * slice_floats(); }
  Index values() const { return count * shape.rows * shape.cols; }
  bool is_trained() const { return role != "state"; }
};

class ParameterBlock {
 public:
  // Adds a parameter and returns its number. All are added before `allocate`.
  int add_matrix(const std::string& name, const std::string& role, Index rows, Index cols) {
    return add({.name = name, .role = role, .shape = {rows, cols}});
  }
  int add_vector(const std::string& name, const std::string& role, Index size) {
    return add({.name = name, .role = role, .shape = {1, size}, .is_matrix = false});
  }
  int add_expert_matrix(const std::string& name, Index count, Index rows, Index cols) {
    return add({.name = name,
                .role = "kernel",
                .count = count,
                .per_expert = true,
                .shape = {rows, cols}});
  }
  int add_expert_vector(const std::string& name, Index count, Index size) {
    return add({.name = name,
                .role = "bias",
                .count = count,
                .per_expert = true,
                .shape = {1, size},
                .is_matrix = false});
  }

  void allocate() { values_ = AlignedBuffer(size_); }

  const std::vector<Parameter>& all() const { return parameters_; }
  const Parameter& at(int number) const { return parameters_[number]; }
  Parameter& find(const std::string& name) {
    for (Parameter& parameter : parameters_)
      if (parameter.name == name) return parameter;
    fail("name: no parameter is called ", name);
  }

  Index size() const { return size_; }
  float* data() { return values_.data(); }
  const float* data() const { return values_.data(); }
  float* slice(int number, Index slice = 0) {
    return values_.data() + parameters_[number].slice_offset(slice);
  }
  const float* slice(int number, Index slice = 0) const {
    return values_.data() + parameters_[number].slice_offset(slice);
  }
  Panels panels(int number, Index slice = 0) const {
    return {this->slice(number, slice), parameters_[number].shape};
  }

 private:
  int add(Parameter parameter) {
    parameter.offset = size_;
    size_ += parameter.count * parameter.slice_floats();
    parameters_.push_back(std::move(parameter));
    return static_cast<int>(parameters_.size()) - 1;
  }

  std::vector<Parameter> parameters_;
  AlignedBuffer values_;
  Index size_ = 0;
};

}  // namespace gatewise
