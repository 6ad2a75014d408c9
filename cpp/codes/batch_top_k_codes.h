// Sparse codes that share a number of entries: the largest pre-activations of a whole batch.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// The `count` largest pre-activations of all rows; of equal ones those of the first rows, then of
// the lowest latents. `least` of the product is 0 or more. A guess says which value they will
// hardly be below: where too few exceed it, the product is run again without, so that it changes
// no result. Memory follows `count` and the blocks of rows that are looked at together, not the
// product. Sets `smallest` to the smallest that was taken, or to 0 where there are fewer than
// `count`.
Codes batch_top_k_codes(const CodeProduct& product, Index count, float guess, float& smallest,
                        Arena& arena);

}  // namespace gatewise
