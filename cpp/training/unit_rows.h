// Row indices of the units of a batch, for arrays that have one or more rows for each unit.
//
// A unit is what a step counts or leaves out: a row, or a whole sample where a layer reads several
// rows of a sample together.
#pragma once

#include <vector>

#include "core/types.h"

namespace gatewise {

class UnitRows {
 public:
  // The units [count], which must outlive the calls of `rows`, once for each of `members` members.
  void set(const Index* units, Index count, Index members);

  Index count() const { return count_; }

  // The indices of the units' rows in an array with `rows_per_unit` rows for each, [count *
  // rows_per_unit], and as many again for each further member if `of_members`.
  const Index* rows(Index rows_per_unit, bool of_members);

 private:
  struct Indices {
    Index rows_per_unit;
    Index repeats;
    bool is_set;
    std::vector<Index> indices;
  };

  const Index* units_ = nullptr;
  Index count_ = 0, members_ = 1;
  std::vector<Indices> kept_;  // memory is kept from batch to batch
};

}  // namespace gatewise
