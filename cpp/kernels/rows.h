// Row operations of the layers: sums of rows, layer normalisation, dropout. Arrays have `width`
// values.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace gatewise {

// y[j] += scale * x[j].
void add_scaled(const float* x, float scale, float* y, Index width);

// y[j] = scale * x[j]; y may be x.
void set_scaled(const float* x, float scale, float* y, Index width);

// y[j] = x[j], or y[j] += x[j] if `accumulate`.
void copy_or_add(const float* x, float* y, Index width, bool accumulate);

// y[j] = x[j] + factor (y[j] - x[j]).
void move_towards(const float* x, float factor, float* y, Index width);

// Layer normalisation of a row (Ba, Kiros and Hinton 2016, eq. 4; the variance is the biased one):
//   normal[j] = (x[j] - mean) / sqrt(variance + epsilon),  y[j] = gamma[j] normal[j] + beta[j].
// gamma and beta may be null (1 and 0); y may be normal. Returns 1 / sqrt(variance + epsilon).
float layer_norm_forward(const float* x, const float* gamma, const float* beta, float epsilon,
                         float* normal, float* y, Index width);

// d_x = inverse (g - mean(g) - normal mean(g normal)) with g = gamma d_y; added to d_x if
// `accumulate`.
void layer_norm_backward(const float* normal, const float* gamma, const float* d_y, float inverse,
                         float* d_x, Index width, bool accumulate);

// y[j] = x[j] / (1 - rate) if random number `start + j` of (seed, stream) is >= rate, else 0; added
// to y if `accumulate`. y may be x. `start` is a multiple of 4. Forward and backward are the same
// map.
void dropout(const float* x, float rate, std::uint64_t seed, std::uint64_t stream, Index start,
             float* y, Index width, bool accumulate);

}  // namespace gatewise
