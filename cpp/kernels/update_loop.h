// The loop that every optimizer's formula runs in: penalties, clipping, decay, kept zeros, tails.
//
// A formula is a class of constants in registers, constructed from an UpdateRule. (They are copies,
// so the compiler knows that no store changes them.) Its call updates up to 16 weights:
//   operator()(Vector& w, const Vector& g, Moments& moments, Vector& l1_step) const
// w and moments are read and written; `l1_step` is learning_rate l1 when it is called, and
// afterwards the threshold of the proximal step of each weight. kUsesFirst, kUsesSecond and
// kUsesThird say which moments exist; the others cost nothing. With kFirstIsVelocity,
// `velocity_share` of the proximal step's displacement is added to the first moment: a velocity
// that kept the gradient alone would go on against the penalty, and weights would rest at
// (1 - momentum) l1 (Ochs et al. 2014, "iPiano", algorithm 1).
#pragma once

#include <limits>

#include "kernels/update.h"
#include "kernels/vector.h"

namespace gatewise {

// The moments of up to 16 weights; those that a formula does not use are zero.
struct Moments {
  Vector first, second, third;
};

// Where the moments of a range of weights begin; not null, also for those that are not used.
struct MomentArrays {
  float *first, *second, *third;
};

// sign(w) max(|w| - threshold, 0)
GATEWISE_INLINE Vector shrink_to_zero(const Vector& w, const Vector& threshold) {
  return copysign(max(Vector::zero(), abs(w) - threshold), w);
}

// 0 where w is 0 or subnormal, else `value`, also where w is NaN.
GATEWISE_INLINE Vector where_not_zero(const Vector& w, const Vector& value) {
  const Vector smallest = Vector::set(std::numeric_limits<float>::min());
  return select_greater(smallest, abs(w), Vector::zero(), value);
}

// Updates `count` values, at most 16, with the gradient g. Before the formula, 2 l2 w is added to
// g, the sum is clipped, and w -= decay w; after it, w = sign(w) max(|w| - l1_step, 0). With
// keeps_zeros, weights of 0 stay 0 and their g is 0, so that moments fade.
template <typename Formula, bool kExtras>
GATEWISE_INLINE void update_vector(const Formula& formula, const UpdateRule& rule, float* weights,
                                   const MomentArrays& arrays, Vector g, Index count) {
  const Vector before = Vector::load_up_to(weights, count);
  Vector w = before;
  Vector l1_step = Vector::zero();
  if constexpr (kExtras) {
    if (rule.keeps_zeros) g = where_not_zero(before, g);
    if (rule.l2 > 0) g = fma(Vector::set(2 * rule.l2), w, g);
    if (rule.clip_value > 0)
      g = max(Vector::set(-rule.clip_value), min(Vector::set(rule.clip_value), g));
    if (rule.decay > 0) w = w - w * Vector::set(rule.decay);
    l1_step = Vector::set(rule.learning_rate * rule.l1);
  }
  Moments moments{Vector::zero(), Vector::zero(), Vector::zero()};
  if constexpr (Formula::kUsesFirst) moments.first = Vector::load_up_to(arrays.first, count);
  if constexpr (Formula::kUsesSecond) moments.second = Vector::load_up_to(arrays.second, count);
  if constexpr (Formula::kUsesThird) moments.third = Vector::load_up_to(arrays.third, count);
  formula(w, g, moments, l1_step);
  if constexpr (kExtras) {
    if (rule.l1 > 0) {
      const Vector shrunk = shrink_to_zero(w, l1_step);
      if constexpr (Formula::kFirstIsVelocity)
        moments.first = fma(formula.velocity_share, shrunk - w, moments.first);
      w = shrunk;
    }
  }
  if constexpr (Formula::kUsesFirst) moments.first.store_up_to(arrays.first, count);
  if constexpr (Formula::kUsesSecond) moments.second.store_up_to(arrays.second, count);
  if constexpr (Formula::kUsesThird) moments.third.store_up_to(arrays.third, count);
  if constexpr (kExtras) {
    if (rule.keeps_zeros) w = where_not_zero(before, w);
  }
  w.store_up_to(weights, count);
}

template <typename Formula, bool kExtras>
void update_values(const UpdateTarget& t, Index offset, const float* g, Index count) {
  const UpdateRule rule = t.rule;
  const Formula formula(rule);
  float* weights = t.weights + offset;
  float* first = Formula::kUsesFirst ? t.first + offset : weights;
  float* second = Formula::kUsesSecond ? t.second + offset : weights;
  float* third = Formula::kUsesThird ? t.third + offset : weights;
  Index i = 0;
  for (; i + kPanelWidth <= count; i += kPanelWidth)
    update_vector<Formula, kExtras>(formula, rule, weights + i, {first + i, second + i, third + i},
                                    Vector::load(g + i), kPanelWidth);
  if (i < count)
    update_vector<Formula, kExtras>(formula, rule, weights + i, {first + i, second + i, third + i},
                                    Vector::load_partial(g + i, count - i), count - i);
}

// The UpdateFunction of a formula. Few rules have penalties, clipping, decay or kept zeros.
template <typename Formula>
void update_with(const UpdateTarget& t, Index offset, const float* g, Index count) {
  const UpdateRule& r = t.rule;
  if (r.l1 > 0 || r.l2 > 0 || r.clip_value > 0 || r.decay > 0 || r.keeps_zeros)
    update_values<Formula, true>(t, offset, g, count);
  else
    update_values<Formula, false>(t, offset, g, count);
}

}  // namespace gatewise
