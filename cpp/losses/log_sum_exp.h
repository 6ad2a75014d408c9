// log sum_j exp(z_j) of a row, without overflow.
#pragma once

#include "kernels/reduce.h"

namespace gatewise {

inline float log_sum_exp(const float* z, Index units) {
  alignas(64) float lanes[kPanelWidth];
  const float largest = largest_of(z, units);
  Vector sums = Vector::zero();
  for (Index j = 0; j < units; j += kPanelWidth) {
    exp(Vector::load_up_to(z + j, units - j) - Vector::set(largest)).store(lanes);
    sums = sums + Vector::load_up_to(lanes, units - j);
  }
  return largest + log_of(sum_lanes(sums));
}

}  // namespace gatewise
