// The instructions that multiply int8 values.
#pragma once

#include "core/types.h"

namespace gatewise {

// kPairs: 16-bit products of pairs, on every processor. kQuads: four products of bytes in one
// instruction (VPDPBUSD, AVX-512 VNNI or AVX-VNNI). Sums are exact in both, so the bits are the
// same.
enum class Int8Unit { kPairs, kQuads };

// The fastest unit that this processor has, and that gives the sums of the plain one: compared
// once.
Int8Unit best_int8_unit();

// "VNNI" or "pairs".
const char* int8_unit_name(Int8Unit unit);

// True if this processor has VNNI, at this instruction-set level.
bool has_vnni();

}  // namespace gatewise
