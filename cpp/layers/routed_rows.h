// The rows of a layer's input in the order of a dispatch plan.
#pragma once

#include "products/grouped.h"

namespace gatewise {

// x with row i taken from rows[i] [count] of x, which may itself read its rows by number.
inline Input routed_rows(const Input& x, const Index* rows, Index count, Arena& arena) {
  const Index* outer = x.index();
  if (!outer) return x.at(rows);
  Index* composed = arena.take<Index>(count);
  for (Index i = 0; i < count; ++i) composed[i] = outer[rows[i]];
  return x.at(composed);
}

}  // namespace gatewise
