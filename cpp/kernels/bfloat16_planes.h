// Operands of bfloat16 products in the order of planes; see kernels/bfloat16_tile.h.
#pragma once

#include "kernels/bfloat16_tile.h"

namespace gatewise {

// planes [round_up(count, kDotDepth)]: x [count] rounded to bfloat16; zeros after it.
void to_planes(const float* x, Index count, float* planes);

// row [round_up(count, kDotDepth)]: the same values as bfloat16, in their order.
void to_bfloat16_row(const float* x, Index count, std::uint16_t* row);

// pairs [rows, 16]: a panel of pairs from `rows` rows in planes.
void join_planes(const float* planes, Index rows, std::uint16_t* pairs);

// planes [rows, 16]: the first `rows` rows of a panel of pairs, a multiple of kDotDepth.
void widen_pairs(const std::uint16_t* panel, Index rows, float* planes);

// planes [end - begin, 16]: column i has row `row` + i of W, for i < 16, and its rows are the units
// [begin, end) of W, multiples of kDotDepth; zero after the last unit, or row. row is a
// multiple of 16.
void transpose_to_planes(const Bfloat16Panels& w, Index row, Index begin, Index end, float* planes);

}  // namespace gatewise
