// Targets of losses and metrics from NumPy arrays.
#pragma once

#include <algorithm>

#include "arrays.h"
#include "losses/loss.h"

namespace gatewise {

// int32 labels, or float32 rows of values, in place: one or more for each sample.
inline Target make_target(const py::handle& object, Index samples, const char* name) {
  Target target;
  const auto set_rows = [&](Index rows, const char* what) {
    require(rows >= samples && rows % samples == 0, name, ": expected ", samples, " ", what,
            ", or as many for each sample, got ", rows);
    target.rows_per_sample = rows / samples;
  };
  if (is_array<LabelArray>(object)) {
    const auto labels = py::reinterpret_borrow<LabelArray>(object);
    const Index rows = labels.size();
    set_rows(rows, "labels");
    target.labels = labels.data();
    const auto [min_label, max_label] = std::minmax_element(target.labels, target.labels + rows);
    target.min_label = *min_label;
    target.max_label = *max_label;
    target.units = 1;
    return target;
  }
  const RowArray array = to_rows(object, name);
  require(!array.input.is_sparse(), name, ": expected a dense array, got a sparse matrix");
  set_rows(array.rows, "rows");
  target.values = array.input.dense.data;
  target.units = array.input.width;
  return target;
}

}  // namespace gatewise
