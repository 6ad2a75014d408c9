#include "kernels/update.h"

#include <algorithm>
#include <limits>

#include "kernels/vector.h"

namespace gatewise {
namespace {

// sign(w) max(|w| - threshold, 0)
GATEWISE_INLINE Vector shrink(const Vector& w, const Vector& threshold) {
  return copysign(max(Vector::zero(), abs(w) - threshold), w);
}

// A rule's constants in registers. They are copies, so the compiler knows that no store changes
// them.
struct Constants {
  explicit Constants(const UpdateRule& rule)
      : rate(Vector::set(rule.learning_rate)),
        momentum(Vector::set(rule.momentum)),
        one_minus_beta_1(Vector::set(rule.one_minus_beta_1)),
        one_minus_beta_2(Vector::set(rule.one_minus_beta_2)),
        epsilon(Vector::set(rule.epsilon)),
        step_size(Vector::set(rule.step_size)) {}

  Vector rate, momentum, one_minus_beta_1, one_minus_beta_2, epsilon, step_size;
};

// True if a rule has penalties, clipping, decay or `keeps_zeros`, which few rules have.
bool has_extras(const UpdateRule& rule) {
  return rule.l1 > 0 || rule.l2 > 0 || rule.clip_value > 0 || rule.decay > 0 || rule.keeps_zeros;
}

// 0 where w is 0 or subnormal, else `value`, also where w is NaN.
GATEWISE_INLINE Vector where_not_zero(const Vector& w, const Vector& value) {
  const Vector smallest = Vector::set(std::numeric_limits<float>::min());
  return select_greater(smallest, abs(w), Vector::zero(), value);
}

// Updates `count` values, at most 16, with the gradient g.
template <UpdateKind kKind, bool kExtras>
GATEWISE_INLINE void update_vector(const Constants& c, const UpdateRule& rule, float* weights,
                                   float* first, float* second, Vector g, Index count) {
  const Vector before = Vector::load_up_to(weights, count);
  Vector w = before;
  Vector threshold = Vector::zero();
  if constexpr (kExtras) {
    if (rule.keeps_zeros) g = where_not_zero(before, g);
    if (rule.l2 > 0) g = fma(Vector::set(2 * rule.l2), w, g);
    if (rule.clip_value > 0)
      g = max(Vector::set(-rule.clip_value), min(Vector::set(rule.clip_value), g));
    if (rule.decay > 0) w = w - w * Vector::set(rule.decay);
    threshold = Vector::set(rule.learning_rate * rule.l1);
  }
  if constexpr (kKind == UpdateKind::kSgd) {
    w = w - c.rate * g;
  } else if constexpr (kKind == UpdateKind::kAdam) {
    Vector m = Vector::load_up_to(first, count);
    Vector v = Vector::load_up_to(second, count);
    m = fma(c.one_minus_beta_1, g - m, m);
    v = fma(c.one_minus_beta_2, g * g - v, v);
    m.store_up_to(first, count);
    v.store_up_to(second, count);
    const Vector root = sqrt(v);
    w = w - c.step_size * m / (root + c.epsilon);
    if constexpr (kExtras)
      threshold = threshold / fma(root, Vector::set(rule.variance_root), c.epsilon);
  } else {
    const Vector step = c.rate * g;
    const Vector m = c.momentum * Vector::load_up_to(first, count) - step;
    m.store_up_to(first, count);
    w = kKind == UpdateKind::kNesterov ? w + c.momentum * m - step : w + m;
  }
  if constexpr (kExtras) {
    if (rule.l1 > 0) w = shrink(w, threshold);
    if (rule.keeps_zeros) w = where_not_zero(before, w);
  }
  w.store_up_to(weights, count);
}

template <UpdateKind kKind, bool kExtras>
void update_values(const UpdateTarget& t, Index offset, const float* g, Index count) {
  const UpdateRule rule = t.rule;
  const Constants constants(rule);
  float* weights = t.weights + offset;
  float* first = t.first ? t.first + offset : nullptr;
  float* second = t.second ? t.second + offset : nullptr;
  Index i = 0;
  for (; i + kPanelWidth <= count; i += kPanelWidth)
    update_vector<kKind, kExtras>(constants, rule, weights + i, first + i, second + i,
                                  Vector::load(g + i), kPanelWidth);
  if (i < count)
    update_vector<kKind, kExtras>(constants, rule, weights + i, first + i, second + i,
                                  Vector::load_partial(g + i, count - i), count - i);
}

template <UpdateKind kKind>
void update_all(const UpdateTarget& t, Index offset, const float* g, Index count) {
  if (has_extras(t.rule))
    update_values<kKind, true>(t, offset, g, count);
  else
    update_values<kKind, false>(t, offset, g, count);
}

void add_to_sums(const UpdateTarget& t, Index offset, const float* g, Index count) {
  float* sums = t.first + offset;
  float* squares = t.second + offset;
  for (Index i = 0; i < count; ++i) {
    sums[i] += g[i];
    squares[i] += g[i] * g[i];
  }
}

}  // namespace

void apply_update(const UpdateTarget& target, Index offset, const float* g, Index count) {
  switch (target.rule.kind) {
    case UpdateKind::kMeasure:
      return;
    case UpdateKind::kStore:
      for (Index i = 0; i < count; ++i) target.gradient[offset + i] += g[i];
      return;
    case UpdateKind::kGradientSums:
      return add_to_sums(target, offset, g, count);
    case UpdateKind::kSgd:
      return update_all<UpdateKind::kSgd>(target, offset, g, count);
    case UpdateKind::kMomentum:
      return update_all<UpdateKind::kMomentum>(target, offset, g, count);
    case UpdateKind::kNesterov:
      return update_all<UpdateKind::kNesterov>(target, offset, g, count);
    case UpdateKind::kAdam:
      return update_all<UpdateKind::kAdam>(target, offset, g, count);
  }
}

void clear_at_zeros(const float* w, float* g, Index count) {
  for (Index i = 0; i < count; i += kPanelWidth) {
    const Index width = std::min(count - i, kPanelWidth);
    where_not_zero(Vector::load_up_to(w + i, width), Vector::load_up_to(g + i, width))
        .store_up_to(g + i, width);
  }
}

}  // namespace gatewise
