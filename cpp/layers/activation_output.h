// Applies a layer's activation to its output rows, forward and backward.
#pragma once

#include "core/parallel.h"
#include "kernels/softmax.h"
#include "layers/layer.h"

namespace gatewise {

// y = f(x) row by row. x and y are [rows, width] with `stride`; y may alias x.
inline void activate_rows(Activation kind, const float* x, float* y, Index rows, Index width,
                          Index stride) {
  if (kind == Activation::kLinear && x == y) return;
  parallel_for(rows, static_cast<double>(width * 4), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index at = i * stride;
      if (kind == Activation::kSoftmax)
        softmax_forward(x + at, y + at, width);
      else
        activate_forward(kind, x + at, y + at, width);
    }
  });
}

// Gradient of `activate_rows`. x and y have `stride`, d_y and d_x `d_stride`. x is read only if
// `derivative_needs_input`, else it may be null. d_x may alias d_y.
inline void activate_rows_backward(Activation kind, const float* x, const float* y, Index stride,
                                   const float* d_y, float* d_x, Index d_stride, Index rows,
                                   Index width) {
  if (kind == Activation::kLinear && d_x == d_y) return;
  parallel_for(rows, static_cast<double>(width * 4), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index at = i * stride, d_at = i * d_stride;
      if (kind == Activation::kSoftmax)
        softmax_backward(y + at, d_y + d_at, d_x + d_at, width);
      else
        activate_backward(kind, x ? x + at : nullptr, y + at, d_y + d_at, d_x + d_at, width);
    }
  });
}

}  // namespace gatewise
