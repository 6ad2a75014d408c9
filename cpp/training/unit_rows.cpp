#include "training/unit_rows.h"

#include <algorithm>

namespace gatewise {

void UnitRows::set(const Index* units, Index count, Index members) {
  units_ = units;
  count_ = count;
  members_ = members;
  for (Indices& each : kept_) each.is_set = false;
}

const Index* UnitRows::rows(Index rows_per_unit, bool of_members) {
  const Index repeats = of_members ? members_ : 1;
  if (rows_per_unit == 1 && repeats == 1) return units_;
  auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Indices& each) {
    return each.rows_per_unit == rows_per_unit && each.repeats == repeats;
  });
  if (found == kept_.end()) found = kept_.insert(kept_.end(), {rows_per_unit, repeats, false, {}});
  if (found->is_set) return found->indices.data();
  found->is_set = true;
  found->indices.resize(static_cast<std::size_t>(repeats * count_ * rows_per_unit));
  Index* to = found->indices.data();
  for (Index repeat = 0; repeat < repeats; ++repeat)
    for (Index i = 0; i < count_; ++i)
      for (Index row = 0; row < rows_per_unit; ++row) *to++ = units_[i] * rows_per_unit + row;
  return found->indices.data();
}

}  // namespace gatewise
