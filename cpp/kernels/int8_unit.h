// The instructions that multiply int8 values.
#pragma once

#include "core/types.h"

namespace gatewise {

// kPairs: 16-bit products of pairs, on every processor. kQuads: four products of bytes in one
// instruction (VPDPBUSD, AVX-512 VNNI or AVX-VNNI). kTiles: those of 16 rows and 16 columns at a
// depth of 64 (TDPBSUD, AMX). Sums are exact in all, so the bits are the same.
enum class Int8Unit { kPairs, kQuads, kTiles };

// The fastest unit that this processor has, and that gives the sums of the plain one: compared
// once.
Int8Unit best_int8_unit();

// "AMX", "VNNI" or "pairs".
const char* int8_unit_name(Int8Unit unit);

// True if this processor has VNNI, at this instruction-set level.
bool has_vnni();

}  // namespace gatewise
