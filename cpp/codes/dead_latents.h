// What dead latents could explain of the reconstruction's error.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// The latents whose count of idle rows is `limit` or more, ascending, and their columns of the
// encoder, compacted.
struct DeadLatents {
  Index count = 0;
  std::int32_t* latents = nullptr;  // [count]
  Panels encoder;                   // [d, count]
  float* bias = nullptr;            // [count]
};

DeadLatents find_dead_latents(const float* idle_rows, Index latents, double limit, Arena& arena);

// Gathers their columns of w and of the bias.
void gather_dead_weights(DeadLatents& dead, const Panels& w, const float* bias, Arena& arena);

// The k best dead latents of each row, of those whose pre-activation exceeds 0, under their numbers
// in the whole dictionary.
Codes dead_codes(const DeadLatents& dead, const Rows& u, Index rows, Index k, Arena& arena);

}  // namespace gatewise
