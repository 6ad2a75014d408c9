// A parameter's values in natural order, as users and files have them, to and from its block.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// One slice as float32 [rows, cols], widened where it is stored in less, with its zeros where it is
// sparse.
void read_values(const ParameterBlock& block, const Parameter& parameter, Index slice, float* to);

// Numbers laid out as a slice of a float32 parameter, such as its moments, in natural order.
void read_packed(const Parameter& parameter, const float* from, float* to);

// Writes one slice; a matrix stored in less is rounded (with int8 its columns get new scales), and
// its values must then be finite. Not of a sparse one.
void write_values(ParameterBlock& block, const Parameter& parameter, Index slice,
                  const float* from);

// One slice as it is stored, [rows, cols] of float, std::uint16_t (bfloat16 too), std::int8_t or
// std::int32_t. Not of a sparse one, which is stored in others.
void read_stored(const ParameterBlock& block, const Parameter& parameter, Index slice, void* to);
void write_stored(ParameterBlock& block, const Parameter& parameter, Index slice, const void* from);

Index count_nonzero(const ParameterBlock& block, const Parameter& parameter);

}  // namespace gatewise
