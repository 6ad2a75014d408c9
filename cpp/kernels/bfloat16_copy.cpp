#include "kernels/bfloat16_copy.h"

#include "kernels/bfloat16.h"
#include "kernels/vector.h"

namespace gatewise {
namespace {

// Rounds two rows of a whole panel.
void round_pair(const float* rows, std::uint16_t* pairs) {
  join_bfloat16(nearest_bfloat16(Vector::load(rows)),
                nearest_bfloat16(Vector::load(rows + kPanelWidth)))
      .store(reinterpret_cast<float*>(pairs));
}

}  // namespace

void round_to_copy(const float* weights, PanelShape shape, Index offset, Index count,
                   std::uint16_t* copy) {
  const Index end = offset + count, panel_values = Bfloat16Panels::panel_values(shape);
  while (offset < end) {
    const Index panel = shape.panel_at(offset);
    const Index stride = shape.stride(panel), width = shape.width(panel);
    const Index begin = shape.offset(panel), panel_end = begin + shape.rows * stride;
    if (offset >= panel_end) return;  // the rest is padding
    std::uint16_t* to = copy + panel * panel_values;
    const Index stop = std::min(end, panel_end);
    while (offset < stop) {
      const Index row = (offset - begin) / stride, column = (offset - begin) % stride;
      if (stride == kPanelWidth && column == 0 && row % 2 == 0 &&
          offset + 2 * kPanelWidth <= stop) {
        round_pair(weights + offset, to + Bfloat16Panels::value_offset(row, 0));
        offset += 2 * kPanelWidth;
        continue;
      }
      const Index row_stop = std::min(stop, offset + stride - column);
      for (Index j = column; offset < row_stop; ++j, ++offset)
        if (j < width) to[Bfloat16Panels::value_offset(row, j)] = to_bfloat16(weights[offset]);
    }
  }
}

}  // namespace gatewise
