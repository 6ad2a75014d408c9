// Which unit screens a product (kernels/selection/screen.h), and the memory that this takes.
#pragma once

#include "core/types.h"

namespace gatewise {

enum class ScreenKind { kNone, kInt16, kMatrix };

// The fastest unit of this processor; kNone if none is faster than the product itself.
ScreenKind best_screen();

// Scratch of one call on one thread: `screen_floats` floats, 64-byte aligned.
struct ScreenSpace {
  ScreenKind kind = ScreenKind::kNone;
  float* scratch = nullptr;
};
Index screen_floats(Index rows, Index depth);

}  // namespace gatewise
