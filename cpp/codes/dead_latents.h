// Codes of dead latents only, for the AuxK loss.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// The latents with `limit` or more idle rows, ascending, and a compact copy of their encoder
// columns.
struct DeadLatents {
  Index count = 0;
  std::int32_t* latents = nullptr;  // [count]
  Panels encoder;                   // [d, count]
  float* bias = nullptr;            // [count]
};

DeadLatents find_dead_latents(const float* rows_since_active, Index latents, double limit,
                              Arena& arena);

// Copies the dead latents' columns of w and elements of bias to `dead`.
void gather_dead_weights(DeadLatents& dead, const Panels& w, const float* bias, Arena& arena);

// For each row, the k dead latents of largest pre-activation above 0, with latent indices of the
// whole dictionary.
Codes dead_codes(const DeadLatents& dead, const Rows& u, Index rows, Index k, Arena& arena);

}  // namespace gatewise
