// Panels of int4 codes as panels of int8.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// Bytes that `unpack_int4` writes for one panel: the rows of an int8 panel, and up to four more.
inline Index int4_unpacked_bytes(PanelShape shape) { return round_up(shape.rows, 8) * kPanelWidth; }

// Panel p of w as an int8 panel has it: code times block scale of each value, plus 128.
void unpack_int4(const Int4Panels& w, Index p, std::uint8_t* to);

}  // namespace gatewise
