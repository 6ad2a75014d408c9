// Sparse codes with a nonzero count per batch: the largest pre-activations of all rows together.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// The `count` largest pre-activations of all rows; ties go to the lowest row, then the lowest
// latent. `threshold` of the product is >= 0. `estimate` is a probable lower bound of the values
// kept: if too few exceed it, the product is recomputed without it, so results do not depend on it.
// Memory grows with `count` and the blocks of rows that are computed together, not with the
// product. Sets `smallest` to the smallest value kept, or to 0 if there are fewer than `count`.
Codes batch_top_k_codes(const EncoderProduct& product, Index count, float estimate, float& smallest,
                        Arena& arena);

}  // namespace gatewise
