// Conversion between row-major matrices (of users and files) and panels (which the products read).
#pragma once

#include "core/panels.h"

namespace gatewise {

// source [rows, cols] row-major, read; panels [shape.floats()], overwritten; padding becomes zero.
inline void pack_panels(const float* source, PanelShape shape, float* panels) {
  std::fill_n(panels, shape.floats(), 0.0f);
  for (Index p = 0; p < shape.panels(); ++p)
    for (Index i = 0; i < shape.rows; ++i)
      std::copy_n(source + i * shape.cols + p * kPanelWidth, shape.width(p),
                  panels + shape.offset(p) + i * shape.stride(p));
}

// The inverse: panels are read, target [rows, cols] row-major is overwritten.
inline void unpack_panels(const float* panels, PanelShape shape, float* target) {
  for (Index p = 0; p < shape.panels(); ++p)
    for (Index i = 0; i < shape.rows; ++i)
      std::copy_n(panels + shape.offset(p) + i * shape.stride(p), shape.width(p),
                  target + i * shape.cols + p * kPanelWidth);
}

}  // namespace gatewise
