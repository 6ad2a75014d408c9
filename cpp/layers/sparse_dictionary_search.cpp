// Searching codes, of a sparse dictionary.
#include <algorithm>

#include "codes/code_search.h"
#include "core/parallel.h"
#include "kernels/finite.h"
#include "layers/sparse_dictionary.h"

namespace gatewise {

void SparseDictionary::search(const SparseRows& codes, Index rows, const Input& queries,
                              Index count, Index k, std::int32_t* indices, float* scores) const {
  const Index at_a_time = queries_at_a_time(latents_, k, rows);
  Arena arena;
  for (Index first = 0; first < count; first += at_a_time) {
    poll_interrupt();
    arena.reset();
    const Input some = queries.from(first);
    SearchQueries weights(std::min(at_a_time, count - first), latents_, arena);
    if (some.is_sparse())
      weights.set_codes(some.sparse);
    else
      weights.set_rows(some.dense,
                       {.decoder = block_.slice(decoder_),
                        .stride = decoder_stride(),
                        .width = width_,
                        .bias = block_.slice(decoder_bias_),
                        .center = block_.slice(center_),
                        .scale = 1.0f / scale()},
                       arena);
    search_codes(codes, rows, weights, k, indices + first * k, scores + first * k, arena);
  }
  const Index bad = find_nonfinite(scores, count * k);
  require(bad < 0, "query: expected scores in the range of float32, got one beyond it at row ",
          bad / k);
}

}  // namespace gatewise
