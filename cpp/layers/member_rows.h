// Rows of an ensemble's members: those of member 0, then as many of member 1, and so on.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/options.h"
#include "products/grouped.h"

namespace gatewise {

// Reads option "members".
inline Index members_from(const Options& options) {
  const Index members = options.integer("members");
  require(members >= 1, "members: expected at least 1, got ", members);
  return members;
}

// One group of rows for each member.
inline Groups member_groups(Index rows, Index members, Arena& arena) {
  Index* offsets = arena.take<Index>(members + 1);
  for (Index m = 0; m <= members; ++m) offsets[m] = m * (rows / members);
  return {offsets, members};
}

// The rows of x from `first` on, once for each member.
inline Input repeat_rows(const Input& x, Index first, Index rows, Index members,
                         std::vector<Index>& memory) {
  if (members == 1) return x.from(first);
  memory.resize(static_cast<std::size_t>(members * rows));
  for (Index m = 0; m < members; ++m)
    std::iota(memory.begin() + m * rows, memory.begin() + (m + 1) * rows, first);
  return x.at(memory.data());
}

}  // namespace gatewise
