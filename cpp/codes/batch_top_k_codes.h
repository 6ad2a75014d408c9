// Sparse codes that share a number of nonzeros: the largest pre-activations of a whole batch.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// The `count` largest pre-activations of all rows; of equal ones those of the first rows, then of
// the lowest latents. `threshold` of the product is 0 or more. An estimate says which value they
// will hardly be below: where too few exceed it, the product is run again without, so that it
// changes no result. Memory follows `count` and the blocks of rows that are looked at together, not
// the product. Sets `smallest` to the smallest that was taken, or to 0 where there are fewer than
// `count`.
Codes batch_top_k_codes(const EncoderProduct& product, Index count, float estimate, float& smallest,
                        Arena& arena);

}  // namespace gatewise
