// The rows of a layer's input in dispatch order.
#pragma once

#include <algorithm>

#include "products/grouped.h"

namespace gatewise {

// Returns a view of x whose row i is row rows[i] of x; rows [count]. x may already be indexed. An
// array that is taken has at least `min_size` values.
inline Input routed_rows(const Input& x, const Index* rows, Index count, Arena& arena,
                         Index min_size = 0) {
  const Index* outer = x.index();
  if (!outer) return x.at(rows);
  Index* composed = arena.take<Index>(std::max(count, min_size));
  for (Index i = 0; i < count; ++i) composed[i] = outer[rows[i]];
  return x.at(composed);
}

}  // namespace gatewise
