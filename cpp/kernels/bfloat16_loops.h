// A bfloat16 product by either unit.
#pragma once

#include "kernels/amx.h"
#include "kernels/bfloat16_blocks.h"
#include "kernels/bfloat16_tiles.h"
#include "kernels/bfloat16_unit.h"

namespace gatewise {

// Floats of scratch, enough for every unit.
template <typename Operands>
Index bfloat16_scratch(Index depth) {
  Index floats = Bfloat16Blocks<Operands>::scratch(depth);
#if GATEWISE_HAS_AMX
  floats = std::max(floats, Bfloat16Tiles<AmxTiles, Operands>::scratch(depth));
#endif
  return floats;
}

template <typename Operands>
void multiply_bfloat16(const Operands& operands, Index row_begin, Index row_end, Index panel_begin,
                       Index panel_end, float* scratch, [[maybe_unused]] Bfloat16Unit unit) {
#if GATEWISE_HAS_AMX
  if (unit == Bfloat16Unit::kTiles && row_end - row_begin >= kMinRowsOfBfloat16Tiles)
    return Bfloat16Tiles<AmxTiles, Operands>(operands, scratch)
        .run(row_begin, row_end, panel_begin, panel_end);
#endif
  Bfloat16Blocks<Operands>(operands, scratch).run(row_begin, row_end, panel_begin, panel_end);
}

}  // namespace gatewise
