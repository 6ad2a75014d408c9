#include "kernels/update.h"

#include "kernels/vector.h"

namespace gatewise {
namespace {

// sign(w) max(|w| - threshold, 0)
GATEWISE_INLINE Vector shrink(const Vector& w, const Vector& threshold) {
  return copysign(max(Vector::zero(), abs(w) - threshold), w);
}

template <UpdateKind kKind>
GATEWISE_INLINE void update_vector(const UpdateTarget& t, Index at, Vector g, Index count) {
  const UpdateRule& rule = t.rule;
  const Vector rate = Vector::set(rule.learning_rate);
  Vector w = Vector::load_up_to(t.weights + at, count);
  if (rule.l2 > 0) g = fma(Vector::set(2 * rule.l2), w, g);
  if (rule.clip_value > 0)
    g = max(Vector::set(-rule.clip_value), min(Vector::set(rule.clip_value), g));
  if (rule.decay > 0) w = w - w * Vector::set(rule.decay);
  Vector threshold = Vector::set(rule.learning_rate * rule.l1);
  if constexpr (kKind == UpdateKind::kSgd) {
    w = w - rate * g;
  } else if constexpr (kKind == UpdateKind::kAdam) {
    Vector m = Vector::load_up_to(t.first + at, count);
    Vector v = Vector::load_up_to(t.second + at, count);
    m = fma(Vector::set(rule.rise_1), g - m, m);
    v = fma(Vector::set(rule.rise_2), g * g - v, v);
    m.store_up_to(t.first + at, count);
    v.store_up_to(t.second + at, count);
    const Vector root = sqrt(v), epsilon = Vector::set(rule.epsilon);
    w = w - Vector::set(rule.step_size) * m / (root + epsilon);
    if (rule.l1 > 0) threshold = threshold / fma(root, Vector::set(rule.variance_root), epsilon);
  } else {
    const Vector momentum = Vector::set(rule.momentum);
    const Vector step = rate * g;
    const Vector m = momentum * Vector::load_up_to(t.first + at, count) - step;
    m.store_up_to(t.first + at, count);
    w = kKind == UpdateKind::kNesterov ? w + momentum * m - step : w + m;
  }
  if (rule.l1 > 0) w = shrink(w, threshold);
  w.store_up_to(t.weights + at, count);
}

template <UpdateKind kKind>
void update_all(const UpdateTarget& t, Index offset, const float* g, Index count) {
  for (Index i = 0; i < count; i += kPanelWidth)
    update_vector<kKind>(t, offset + i, Vector::load_up_to(g + i, count - i), count - i);
}

}  // namespace

void apply_update(const UpdateTarget& target, Index offset, const float* g, Index count) {
  switch (target.rule.kind) {
    case UpdateKind::kStore:
      for (Index i = 0; i < count; ++i) target.gradient[offset + i] += g[i];
      return;
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

}  // namespace gatewise
