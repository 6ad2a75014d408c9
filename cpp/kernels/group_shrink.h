// The group penalty  l1 sum_g sqrt(p_g) |w_g|  of a kernel W in panel layout, |.| the Euclidean
// norm and p_g the size of group g (Yuan and Lin 2006, "Model selection and estimation in
// regression with grouped variables", equation 2.1 with K_j = p_j I), and the proximal step that
// solves it.
//
// Work comes in pieces that hold whole groups; what happens to a group does not depend on how
// pieces are shared out. A group's sum of squares runs over 16 lanes in order, then over the lanes.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// How strongly one slice's groups are drawn to zero.
struct GroupShrink {
  WeightGroups groups = WeightGroups::kNone;
  float rate = 0;                 // learning_rate l1
  const float* second = nullptr;  // Adam's v, laid out as W; null where steps are not scaled
  float variance_root = 1;        // takes sqrt(v) to sqrt(v_hat)
  float epsilon = 0;
};

Index num_group_chunks(PanelShape shape, WeightGroups groups);

// For every group of chunk `chunk` of W, in place,
//   w_g = w_g max(0, 1 - t / |h w_g|)  with  t = rate sqrt(p_g),
// h = sqrt(v_hat) + epsilon weight by weight, or 1 without v. Where h is the same all over a group
// this is the proximal step. Else a group becomes zero exactly where that of Adam's metric is zero,
// and what remains is scaled as a whole, which spares that step's search for a root (Deleu and
// Bengio 2021, "Structured sparsity inducing adaptive optimizers for deep learning", section 3).
// NaN in a group makes all of it NaN.
void shrink_groups(const GroupShrink& shrink, float* weights, PanelShape shape, Index chunk);

// sum_g sqrt(p_g) |w_g| over the groups of a chunk.
double group_penalty(WeightGroups groups, const float* weights, PanelShape shape, Index chunk);

}  // namespace gatewise
