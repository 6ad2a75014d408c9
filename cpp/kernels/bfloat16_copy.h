// The bfloat16 copy of a float32 kernel, which bfloat16 products read.
#pragma once

#include "core/quantized_panels.h"

namespace gatewise {

// copy [Bfloat16Panels of `shape`]: rounds floats [offset, offset + count) of `weights`, a matrix
// in panels. Elementwise: the result does not depend on how a matrix is divided into calls. Values
// of `copy` in the padding are not written: they are zero from the start.
void round_to_copy(const float* weights, PanelShape shape, Index offset, Index count,
                   std::uint16_t* copy);

// Index in `copy` of float `offset` of a matrix in panels; padding has none.
inline Index copy_position(PanelShape shape, Index offset) {
  const Index panel = shape.panel_at(offset);
  const Index rest = offset - shape.offset(panel), stride = shape.stride(panel);
  return panel * Bfloat16Panels::panel_values(shape) +
         Bfloat16Panels::value_offset(rest / stride, rest % stride);
}

}  // namespace gatewise
