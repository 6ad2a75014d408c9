// Copies parameter values between their block and natural order, as users and files have them.
#pragma once

#include "layers/layer.h"

namespace gatewise {

// Values of one slice in natural order.
inline Index slice_values(const Parameter& parameter) {
  return parameter.shape.rows * parameter.shape.cols;
}

// Rows of a slice as it is stored: a byte holds two rows of int4 codes.
inline Index stored_rows(const Parameter& parameter) {
  const Index rows = parameter.shape.rows;
  return parameter.storage == Storage::kInt4 ? ceil_divide(rows, 2) : rows;
}

// Reads one slice as dense float32 [rows, cols]: narrower storage is widened, sparse storage filled
// with zeros.
void read_values(const ParameterBlock& block, const Parameter& parameter, Index slice, float* to);

// Copies values laid out like a slice of a float32 parameter, such as its moments, to natural
// order.
void read_packed(const Parameter& parameter, const float* from, float* to);

// Writes one slice. A matrix in bfloat16, int8 or int4 is rounded (and gets new scales), and
// its values must be finite. Not for sparse parameters.
void write_values(ParameterBlock& block, const Parameter& parameter, Index slice,
                  const float* from);

// One slice in its stored type, [stored_rows, cols] of float, std::uint16_t (also bfloat16),
// std::int8_t, std::uint8_t (also two int4 codes) or std::int32_t. Not for a sparse parameter,
// which is stored in other parameters.
void read_stored(const ParameterBlock& block, const Parameter& parameter, Index slice, void* to);
void write_stored(ParameterBlock& block, const Parameter& parameter, Index slice, const void* from);

// All slices of a parameter, one after the other.
void read_values(const ParameterBlock& block, const Parameter& parameter, float* to);
void read_stored(const ParameterBlock& block, const Parameter& parameter, void* to);

// Writes from outside, of all slices: they throw Busy while another thread reads or trains the
// layer. `set_values` throws if the parameter cannot be set by itself or a value cannot be rounded;
// arrays of `set_stored` have passed `Layer::check_stored`.
void set_values(Layer& layer, const Parameter& parameter, const float* from);
void set_stored(Layer& layer, const StoredValues& values);

Index count_nonzero(const ParameterBlock& block, const Parameter& parameter);

}  // namespace gatewise
