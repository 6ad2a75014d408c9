// The instructions that multiply bfloat16 values.
#pragma once

#include "core/types.h"

namespace gatewise {

// kPlanes: float32 instructions, on every processor. kTiles: TDPBF16PS of AMX. The bits are the
// same.
enum class Bfloat16Unit { kPlanes, kTiles };

// Tiles, if this processor has them and they give the sums of the planes: compared once.
Bfloat16Unit best_bfloat16_unit();

// "AMX" or "float32".
const char* bfloat16_unit_name(Bfloat16Unit unit);

// Rows of a block that tiles multiply; fewer are multiplied as planes.
inline constexpr Index kMinRowsOfBfloat16Tiles = 4;

}  // namespace gatewise
