#include "products/bfloat16.h"

#include "kernels/bfloat16_product.h"
#include "products/forward_blocks.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Memory of the calling thread for `bfloat16_product`, kept.
float* product_scratch(PanelShape shape) {
  static thread_local AlignedBuffer memory;
  return kept_scratch(memory, bfloat16_product_scratch(shape));
}

}  // namespace

void bfloat16_multiply(const Rows& x, Index rows, const GroupedWeights& weights, Index g,
                       const Epilogue& epilogue) {
  Epilogue own = epilogue;
  own.bias = weights.bias_at(g);
  bfloat16_product(x, 0, rows, weights.bfloat16_at(g), 0, weights.first.shape.panels(), own,
                   product_scratch(weights.first.shape));
}

void grouped_bfloat16_forward(const Input& x, const Groups& groups, const GroupedWeights& weights,
                              const Epilogue& epilogue) {
  for_each_forward_block(
      x, groups, weights, epilogue,
      [&](Index g, Index row, Index row_end, Index panel, Index panel_end, const Epilogue& own) {
        if (x.is_sparse())
          sparse_bfloat16_product(x.sparse, row, row_end, weights.bfloat16_at(g), panel, panel_end,
                                  own);
        else
          bfloat16_product(x.dense, row, row_end, weights.bfloat16_at(g), panel, panel_end, own,
                           product_scratch(weights.first.shape));
      });
}

}  // namespace gatewise
