// Between row-major matrices, as users and files have them, and panels, as the products read them.
#pragma once

#include "core/panels.h"

namespace gatewise {

// source [rows, cols] row-major to panels [shape.floats()]; padding becomes zero.
inline void pack_panels(const float* source, PanelShape shape, float* panels) {
  std::fill_n(panels, shape.floats(), 0.0f);
  for (Index p = 0; p < shape.panels(); ++p)
    for (Index i = 0; i < shape.rows; ++i)
      std::copy_n(source + i * shape.cols + p * kPanelWidth, shape.width(p),
                  panels + shape.offset(p) + i * shape.stride(p));
}

// The inverse.
inline void unpack_panels(const float* panels, PanelShape shape, float* target) {
  for (Index p = 0; p < shape.panels(); ++p)
    for (Index i = 0; i < shape.rows; ++i)
      std::copy_n(panels + shape.offset(p) + i * shape.stride(p), shape.width(p),
                  target + i * shape.cols + p * kPanelWidth);
}

}  // namespace gatewise
