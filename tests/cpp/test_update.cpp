#include "kernels/update.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

const std::vector<UpdateKind> kKinds{UpdateKind::kSgd, UpdateKind::kMomentum, UpdateKind::kNesterov,
                                     UpdateKind::kAdam};

// One weight and its state, updated by the formulas of kernels/update.h in double.
struct Weight {
  double w, m, v;

  void update(const UpdateRule& r, double g) {
    const bool is_kept_zero = r.keeps_zeros && w == 0;
    if (is_kept_zero) g = 0;
    g += 2.0 * r.l2 * w;
    if (r.clip_value > 0) g = std::clamp<double>(g, -r.clip_value, r.clip_value);
    w -= w * r.decay;
    double threshold = static_cast<double>(r.learning_rate) * r.l1;
    if (r.kind == UpdateKind::kSgd) {
      w -= r.learning_rate * g;
    } else if (r.kind == UpdateKind::kAdam) {
      m += r.one_minus_beta_1 * (g - m);
      v += r.one_minus_beta_2 * (g * g - v);
      w -= r.step_size * m / (std::sqrt(v) + r.epsilon);
      threshold /= std::sqrt(v) * r.variance_root + r.epsilon;
    } else {
      m = r.momentum * m - r.learning_rate * g;
      w += r.kind == UpdateKind::kMomentum ? m : r.momentum * m - r.learning_rate * g;
    }
    if (r.l1 > 0) w = std::copysign(std::max(std::fabs(w) - threshold, 0.0), w);
    if (is_kept_zero) w = 0;
  }
};

UpdateRule make_rule(UpdateKind kind, int variant) {
  UpdateRule rule{.kind = kind,
                  .learning_rate = 0.1f,
                  .momentum = 0.9f,
                  .one_minus_beta_1 = 0.1f,
                  .one_minus_beta_2 = 0.001f,
                  .epsilon = 1e-7f};
  // Adam's constants at step 3.
  rule.step_size =
      static_cast<float>(0.1 * std::sqrt(1 - std::pow(0.999, 3)) / (1 - std::pow(0.9, 3)));
  rule.variance_root = static_cast<float>(1 / std::sqrt(1 - std::pow(0.999, 3)));
  if (variant & 1) rule.clip_value = 0.4f;
  if (variant & 2) rule.decay = 0.01f;
  if (variant & 4) rule.l1 = 0.5f;
  if (variant & 8) rule.l2 = 0.3f;
  rule.keeps_zeros = (variant & 16) != 0;
  return rule;
}

// Weights, moments and a gradient of `count` values, between canaries.
struct State {
  Index count;
  std::vector<float> weights, first, second, gradient;

  State(Index count, RandomGenerator& rng)
      : count(count),
        weights(guarded(rng.vector(count))),
        first(guarded(rng.vector(count, -0.1f, 0.1f))),
        second(guarded(rng.vector(count, 1e-4f, 0.1f))),
        gradient(rng.vector(count)) {}

  static std::vector<float> guarded(std::vector<float> values) {
    values.insert(values.begin(), 3, kCanary);
    values.insert(values.end(), 16, kCanary);
    return values;
  }
  void clear_some() {
    for (Index i = 0; i < count; i += 3) weights[3 + i] = 0;
  }
  UpdateTarget target(const UpdateRule& rule) {
    return {
        .rule = rule, .weights = weights.data(), .first = first.data(), .second = second.data()};
  }
  bool canaries_are_intact() const {
    bool intact = true;
    for (const auto* values : {&weights, &first, &second}) {
      for (Index i = 0; i < 3; ++i) intact &= (*values)[i] == kCanary;
      for (Index i = count + 3; i < count + 19; ++i) intact &= (*values)[i] == kCanary;
    }
    return intact;
  }
};

}  // namespace

TEST_CASE("apply_update agrees with the formulas of every kind, with clip, decay, l1 and l2") {
  RandomGenerator rng(1);
  for (const UpdateKind kind : kKinds) {
    for (int variant = 0; variant < 32; ++variant) {
      for (Index count = 0; count <= 33; ++count) {
        State state(count, rng);
        if (variant & 16) state.clear_some();
        const State before = state;
        const UpdateRule rule = make_rule(kind, variant);
        apply_update(state.target(rule), 3, state.gradient.data(), count);
        WorstError worst;
        for (Index i = 0; i < count; ++i) {
          Weight weight{before.weights[3 + i], before.first[3 + i], before.second[3 + i]};
          weight.update(rule, before.gradient[i]);
          // A dozen roundings of values below 2, plus those of a threshold up to 0.1 * 0.5 / 0.01.
          worst.see(state.weights[3 + i], weight.w, kind == UpdateKind::kAdam ? 1e-5 : 2e-6);
          if (kind == UpdateKind::kSgd) continue;
          worst.see(state.first[3 + i], weight.m, 1e-6);
          worst.see(state.second[3 + i],
                    kind == UpdateKind::kAdam ? weight.v : before.second[3 + i], 1e-6);
        }
        INFO("kind ", static_cast<int>(kind), " variant ", variant, " count ", count, ": ",
             worst.report());
        CHECK(worst.is_within());
        CHECK(state.canaries_are_intact());
        CHECK(same_bits(state.gradient, before.gradient));
      }
    }
  }
}

TEST_CASE("apply_update has the same bits however a slice is divided") {
  RandomGenerator rng(2);
  const Index count = 83;
  for (const UpdateKind kind : kKinds) {
    for (int variant = 0; variant < 32; ++variant) {
      State whole(count, rng);
      if (variant & 16) whole.clear_some();
      const State before = whole;
      const UpdateRule rule = make_rule(kind, variant);
      apply_update(whole.target(rule), 3, whole.gradient.data(), count);
      for (const Index step : {1, 2, 3, 5, 7, 13, 16, 17, 40}) {
        State chunked = before;
        for (Index at = 0; at < count; at += step)
          apply_update(chunked.target(rule), 3 + at, chunked.gradient.data() + at,
                       std::min(step, count - at));
        INFO("kind ", static_cast<int>(kind), " variant ", variant, " step ", step);
        CHECK(same_bits(whole.weights, chunked.weights));
        CHECK(same_bits(whole.first, chunked.first));
        CHECK(same_bits(whole.second, chunked.second));
      }
    }
  }
}

TEST_CASE("apply_update with kStore adds the unchanged gradient") {
  std::vector<float> stored{1, 2, 3, 4};
  const std::vector<float> g{10, 20};
  UpdateTarget target = store(stored.data());
  target.rule.clip_value = 0.1f;  // clipping happens at the update, not here
  apply_update(target, 1, g.data(), 2);
  CHECK(stored == std::vector<float>{1, 12, 23, 4});
}

TEST_CASE("apply_update reads no moments for SGD and no second moments for momentum") {
  std::vector<float> w{1}, m{2};
  const std::vector<float> g{3};
  apply_update(unit_sgd(w.data()), 0, g.data(), 1);
  CHECK(w[0] == -2.0f);
  UpdateTarget target{
      .rule = make_rule(UpdateKind::kMomentum, 0), .weights = w.data(), .first = m.data()};
  target.rule.learning_rate = 1;
  target.rule.momentum = 0.5f;
  apply_update(target, 0, g.data(), 1);
  CHECK(m[0] == -2.0f);
  CHECK(w[0] == -4.0f);
}

TEST_CASE("apply_update with l1 makes small weights exactly zero and keeps signs") {
  std::vector<float> w{0.04f, -0.04f, 0.06f, -0.06f, 0.0f};
  const std::vector<float> g(5, 0.0f);
  UpdateTarget target = unit_sgd(w.data());
  target.rule.learning_rate = 0.1f;
  target.rule.l1 = 0.5f;
  apply_update(target, 0, g.data(), 5);
  CHECK(w[0] == 0.0f);
  CHECK(w[1] == 0.0f);
  CHECK(w[2] == doctest::Approx(0.01));
  CHECK(w[3] == doctest::Approx(-0.01));
  CHECK(w[4] == 0.0f);
}

TEST_CASE("apply_update with kGradientSums adds gradients and squares and keeps weights") {
  RandomGenerator rng(4);
  State state(19, rng);
  const State before = state;
  UpdateRule rule{.kind = UpdateKind::kGradientSums};
  rule.l1 = rule.l2 = 0.5f;
  for (int times = 0; times < 2; ++times)
    apply_update(state.target(rule), 3, state.gradient.data(), 19);
  CHECK(same_bits(state.weights, before.weights));
  for (Index i = 0; i < 19; ++i) {
    const float g = state.gradient[i];
    CHECK(state.first[3 + i] == before.first[3 + i] + g + g);
    CHECK(state.second[3 + i] == before.second[3 + i] + g * g + g * g);
  }
}

TEST_CASE("apply_update with keeps_zeros does not hide a weight of NaN") {
  std::vector<float> w{NAN, 0.0f}, g{1.0f, 1.0f};
  UpdateTarget target = unit_sgd(w.data());
  target.rule.keeps_zeros = true;
  apply_update(target, 0, g.data(), 2);
  CHECK(std::isnan(w[0]));
  CHECK(w[1] == 0.0f);
}

TEST_CASE("clear_at_zeros clears only the gradients of zero weights") {
  RandomGenerator rng(5);
  for (Index count = 0; count <= 33; ++count) {
    State state(count, rng);
    state.clear_some();
    std::vector<float> g = state.gradient;
    clear_at_zeros(state.weights.data() + 3, g.data(), count);
    for (Index i = 0; i < count; ++i) CHECK(g[i] == (i % 3 == 0 ? 0.0f : state.gradient[i]));
  }
}

TEST_CASE("apply_update propagates NaN gradients") {
  for (const UpdateKind kind : kKinds) {
    for (const int variant : {0, 1, 4, 16}) {
      RandomGenerator rng(3);
      State state(5, rng);
      state.gradient[2] = NAN;
      apply_update(state.target(make_rule(kind, variant)), 3, state.gradient.data(), 5);
      INFO("kind ", static_cast<int>(kind), " variant ", variant);
      CHECK(std::isnan(state.weights[3 + 2]));
      CHECK(std::isfinite(state.weights[3 + 1]));
    }
  }
}
