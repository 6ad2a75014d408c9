// Products over groups of rows, each group with its own weight matrix, distributed over the
// threads.
//
// Row indices run through all groups; group g has rows [offsets[g], offsets[g + 1]). A dense layer
// has one group, a dispatch plan one per expert. Work is split by (group, panel, rows), so that all
// cores are busy whether many experts have few rows, few have many, or one has nearly all.
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

// A weight matrix [rows, cols] and a bias for each group, at a fixed stride from group to group.
struct GroupedWeights {
  Panels first;
  Index stride = 0;  // floats from one matrix to the next
  const float* bias = nullptr;
  Index bias_stride = 0;
  Storage storage = Storage::kFloat32;
  const float* scale = nullptr;  // of the columns, if int8 or int4
  Index scale_stride = 0;
  const std::uint8_t* block_scale = nullptr;  // of the blocks, if int4
  Index block_scale_stride = 0;
  Index block_rows = 0;
  const std::uint16_t* bfloat16 = nullptr;  // the weights themselves, or their copies; or null
  Index bfloat16_stride = 0;                // values

  Panels at(Index g) const { return {first.data + g * stride, first.shape}; }
  Bfloat16Panels bfloat16_at(Index g) const {
    return {bfloat16 + g * bfloat16_stride, first.shape};
  }
  Int8Panels int8_at(Index g) const {
    return {reinterpret_cast<const std::uint8_t*>(at(g).data), scale + g * scale_stride,
            first.shape};
  }
  Int4Panels int4_at(Index g) const {
    return {reinterpret_cast<const std::uint8_t*>(at(g).data), block_scale + g * block_scale_stride,
            scale + g * scale_stride, first.shape, block_rows};
  }
  // True if products with x read bfloat16 weights. Copies are for dense x alone.
  bool has_bfloat16_products(const Input& x) const {
    return bfloat16 && (storage == Storage::kBfloat16 || !x.is_sparse());
  }
  const float* bias_at(Index g) const { return bias ? bias + g * bias_stride : nullptr; }
};

// Row counts of work blocks are multiples of this, and so of every level's tile (3, 6 and 12 rows),
// except for the last block of a group.
inline constexpr Index kRowGrain = 12;

// Values per row of x: its width, or the mean nonzero count of its CSR rows.
double mean_depth(const Input& x, Index rows);

// Views of the parameters `kernel` and, if >= 0, `bias` of a block.
GroupedWeights grouped_weights(const ParameterBlock& block, int kernel, int bias);

// y = f(x W_g + b_g) for rows [0, rows) of x, on the calling thread. `epilogue.bias` is ignored.
// Weights in float32 or, for dense x, bfloat16.
void multiply(const Input& x, Index rows, const GroupedWeights& weights, Index g,
              const Epilogue& epilogue);

// y = f(x W_g + b_g) for every row; row i of x yields row i of y. The caller applies a softmax to
// whole rows afterwards. `epilogue.bias` is ignored. Weights in float32, without copies.
void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue);

// The same for weights of any storage; see `grouped_bfloat16_forward` and
// `grouped_quantized_forward`.
void grouped_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                     const Epilogue& epilogue, Arena& arena);

// d_x[i] = (+=) d_y[i] W_g^T, times the derivative of `out.activation`. With `out.target`, several
// rows may add to one row of d_x, in ascending order of i.
void grouped_input_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                            const GroupedWeights& weights, const InputGradient& out, Arena& arena);

// The sum of such products with weights of one shape. In float32 it is one sum over all terms; in
// bfloat16 each term has its own, added to d_x in order.
struct GroupedGradientTerm {
  const float* d_y = nullptr;
  Index d_y_stride = 0;
  GroupedWeights weights;
};
inline constexpr int kMaxGradientTerms = 2;
void grouped_input_gradient(std::span<const GroupedGradientTerm> terms, const Groups& groups,
                            const InputGradient& out, Arena& arena);

// Updates kernel and bias (parameter indices in `block`; bias may be -1) of every group that has
// rows, with the gradients X_g^T D_g and the column sums of D_g. Groups without rows are skipped,
// or updated with a zero gradient if `sink.updates_inactive()`.
void grouped_weight_gradient(const Input& x, const float* d_y, Index d_y_stride,
                             const Groups& groups, const ParameterBlock& block, int kernel,
                             int bias, UpdateSink& sink, Arena& arena);

// Updates each slice of vector parameter `parameter` of `block` with the column sums of its group's
// rows.
void grouped_bias_gradient(const float* d_y, Index d_y_stride, const Groups& groups,
                           const ParameterBlock& block, int parameter, UpdateSink& sink,
                           Arena& arena);

}  // namespace gatewise
