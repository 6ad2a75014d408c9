// The group penalty  l1 sum_g sqrt(p_g) |w_g|  of a kernel W in panel layout, and its proximal
// step.
// .| is the Euclidean norm and p_g the size of group g (Yuan and Lin 2006, "Model selection and
// estimation in regression with grouped variables", equation 2.1 with K_j = p_j I).
//
// Work is divided into chunks of whole groups. The result for a group does not depend on which
// thread processes which chunk. A group's sum of squares accumulates in order over 16 lanes, then
// over the lanes.
#pragma once

#include "core/parameters.h"

namespace gatewise {

// Strength of the proximal step for the groups of one slice.
struct GroupShrink {
  WeightGroups groups = WeightGroups::kNone;
  float rate = 0;                 // learning_rate l1
  const float* second = nullptr;  // Adam's v, in the layout of W; null if steps are not scaled
  float inner_epsilon = 0;
  float variance_root = 1;  // sqrt(v_hat) = variance_root sqrt(v + inner_epsilon)
  float epsilon = 0;
  // In the layout of W, or null: centered RMSprop's mean of gradients, whose square is subtracted
  // from v; Adadelta's mean square of steps s, where h is divided by sqrt(s + inner_epsilon).
  const float* mean = nullptr;
  const float* step_squares = nullptr;
  bool second_is_root = false;  // Adamax: `second` is a norm, sqrt(v_hat) itself
  // A velocity of the weights, to which `velocity_share` times the step's displacement is added.
  float* velocity = nullptr;
  float velocity_share = 1;
};

Index num_group_chunks(PanelShape shape, WeightGroups groups);

// weights  of the whole W, updated in place. For every group of chunk `chunk`, the proximal step in
// the metric of the optimizer's steps,
//   argmin_x  sum_i h_i (x_i - w_i)^2 / 2 + t |x|   with  t = rate sqrt(p_g),
// where h = sqrt(v_hat) + epsilon for each weight, or 1 without v (see GroupShrink for others). It
// is 0 if |h w| <= t; else
//   x_i = w_i h_i n / (h_i n + t)
// with n = |x| from Newton's method, in closed form without v (Deleu and Bengio 2021, "Structured
// sparsity inducing adaptive optimizers for deep learning", section 3). A NaN in a group makes the
// whole group NaN.
void shrink_groups(const GroupShrink& shrink, float* weights, PanelShape shape, Index chunk);

// Returns sum_g sqrt(p_g) |w_g| over the groups of a chunk.
double group_penalty(WeightGroups groups, const float* weights, PanelShape shape, Index chunk);

}  // namespace gatewise
