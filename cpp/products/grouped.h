// Products over groups of rows, each group with a matrix of its own, shared out over the threads.
//
// Rows are numbered through all groups; group g has rows [offsets[g], offsets[g + 1]). One group is
// a dense layer, E groups are the experts of a dispatch plan. Work is cut into (group, panel, rows)
// so that many experts with few rows, few with many, and a single hot one all keep every core busy.
#pragma once

#include "core/arena.h"
#include "core/parallel.h"
#include "kernels/forward_product.h"
#include "kernels/input_gradient.h"
#include "kernels/weight_gradient.h"

namespace gatewise {

// Groups of consecutive rows.
struct Groups {
  const Index* offsets = nullptr;  // [count + 1]
  Index count = 0;

  Index begin(Index g) const { return offsets[g]; }
  Index end(Index g) const { return offsets[g + 1]; }
  Index rows(Index g) const { return end(g) - begin(g); }
  Index total() const { return offsets[count]; }
};

// One group of all rows.
inline Groups all_rows(Index rows, Arena& arena) {
  Index* offsets = arena.take<Index>(2);
  offsets[0] = 0;
  offsets[1] = rows;
  return {offsets, 1};
}

// A matrix [rows, cols] for each group, at a fixed stride from one to the next, and its bias.
struct GroupedWeights {
  Panels first;
  Index stride = 0;  // floats from one matrix to the next
  const float* bias = nullptr;
  Index bias_stride = 0;
  Storage storage = Storage::kFloat32;
  const float* scale = nullptr;  // of int8 columns
  Index scale_stride = 0;

  Panels at(Index g) const { return {first.data + g * stride, first.shape}; }
  Bfloat16Panels bfloat16_at(Index g) const {
    return {reinterpret_cast<const std::uint16_t*>(at(g).data), first.shape};
  }
  Int8Panels int8_at(Index g) const {
    return {reinterpret_cast<const std::int8_t*>(at(g).data), scale + g * scale_stride,
            first.shape};
  }
  const float* bias_at(Index g) const { return bias ? bias + g * bias_stride : nullptr; }
};

// Rows of one block of work are a multiple of this, and so of every level's tile (3, 6 and 12
// rows), but for the last of a group.
inline constexpr Index kRowGrain = 12;

// Values that a row of x has: its width, or the mean parameter of its nonzeros.
double mean_depth(const Input& x, Index rows);

// Views of parameter `kernel` and, if >= 0, `bias` of a block.
GroupedWeights grouped_weights(const ParameterBlock& block, int kernel, int bias);

// y = f(x W_g + b_g) for rows [0, rows) of x, by the calling thread alone. `epilogue.bias` is
// ignored. Weights in float32.
void multiply(const Input& x, Index rows, const GroupedWeights& weights, Index g,
              const Epilogue& epilogue);

// y = f(x W_g + b_g) for every row; x row i belongs to row i of y. A softmax is applied to whole
// rows afterwards by the caller. `epilogue.bias` is ignored. Weights in float32.
void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue);

// The same for weights of any storage; see `grouped_quantized_forward`.
void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue, Arena& arena);

// d_x row i = (+=) d_y row i W_g^T, times the slope that `out` asks for. With `out.target`, several
// rows may add to one row of d_x: they do so in ascending order of i.
void grouped_input_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                            const GroupedWeights& weights, const InputGradient& out, Arena& arena);

// Updates kernel and bias (numbers in `block`; bias may be -1) of every group that has rows, with
// the gradients X_g^T D_g and the column sums of D_g. Resting groups are left alone, or updated
// with a zero gradient where the sink says so.
void grouped_weight_gradient(const Input& x, const float* d_y, Index d_y_stride,
                             const Groups& groups, const ParameterBlock& block, int kernel,
                             int bias, UpdateSink& sink, Arena& arena);

// Updates vector parameter `parameter` of `block`, slice by slice, with column sums of its group's
// rows.
void grouped_bias_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                           const ParameterBlock& block, int parameter, UpdateSink& sink,
                           Arena& arena);

}  // namespace gatewise
