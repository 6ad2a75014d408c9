#include "kernels/update.h"

#include "reference.h"
#include "update_kinds.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// What the update loop adds to a formula, in double.
void update(const Kind& kind, const UpdateRule& r, Weight& x, double g) {
  const bool is_kept_zero = r.keeps_zeros && x.w == 0;
  if (is_kept_zero) g = 0;
  g += 2.0 * r.l2 * x.w;
  if (r.clip_value > 0) g = std::clamp<double>(g, -r.clip_value, r.clip_value);
  x.w -= x.w * r.decay;
  const double threshold = kind.formula(x, g) * r.l1;
  if (r.l1 > 0) {
    const double shrunk = std::copysign(std::max(std::fabs(x.w) - threshold, 0.0), x.w);
    x.m += kind.velocity_share * (shrunk - x.w);
    x.w = shrunk;
  }
  if (is_kept_zero) x.w = 0;
}

UpdateRule make_rule(const Kind& kind, int variant) {
  UpdateRule rule = rule_of(*make_optimizer(kind.kind, kRate, kind.settings), kStep);
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
  std::vector<float> weights, first, second, third, gradient;

  State(Index count, RandomGenerator& rng)
      : count(count),
        weights(guarded(rng.vector(count))),
        first(guarded(rng.vector(count, -0.1f, 0.1f))),
        second(guarded(rng.vector(count, 1e-4f, 0.1f))),
        third(guarded(rng.vector(count, 1e-4f, 0.1f))),
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
    return {.rule = rule,
            .weights = weights.data(),
            .first = first.data(),
            .second = second.data(),
            .third = third.data()};
  }
  bool canaries_are_intact() const {
    bool intact = true;
    for (const auto* values : {&weights, &first, &second, &third}) {
      for (Index i = 0; i < 3; ++i) intact &= (*values)[i] == kCanary;
      for (Index i = count + 3; i < count + 19; ++i) intact &= (*values)[i] == kCanary;
    }
    return intact;
  }
};

}  // namespace

TEST_CASE("apply_update agrees with the formulas of every kind, with clip, decay, l1 and l2") {
  RandomGenerator rng(1);
  for (const Kind& kind : kKinds) {
    for (int variant = 0; variant < 32; ++variant) {
      for (Index count = 0; count <= 33; ++count) {
        State state(count, rng);
        if (variant & 16) state.clear_some();
        const State before = state;
        const UpdateRule rule = make_rule(kind, variant);
        apply_update(state.target(rule), 3, state.gradient.data(), count);
        WorstError worst;
        for (Index i = 0; i < count; ++i) {
          Weight weight{before.weights[3 + i], before.first[3 + i], before.second[3 + i],
                        before.third[3 + i]};
          update(kind, rule, weight, before.gradient[i]);
          worst.see(state.weights[3 + i], weight.w, kind.tolerance);
          worst.see(state.first[3 + i], weight.m, 1e-6);
          worst.see(state.second[3 + i], weight.v, 1e-6);
          worst.see(state.third[3 + i], weight.third, 1e-6);
        }
        INFO(kind.name, ", variant ", variant, " count ", count, ": ", worst.report());
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
  for (const Kind& kind : kKinds) {
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
        INFO(kind.name, ", variant ", variant, " step ", step);
        CHECK(same_bits(whole.weights, chunked.weights));
        CHECK(same_bits(whole.first, chunked.first));
        CHECK(same_bits(whole.second, chunked.second));
        CHECK(same_bits(whole.third, chunked.third));
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
  UpdateTarget target{.rule = rule_of(*make_optimizer("sgd", 1, {{"momentum", 0.5}}), 1),
                      .weights = w.data(),
                      .first = m.data()};
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

TEST_CASE("gradient_sums adds gradients and squares and keeps weights") {
  RandomGenerator rng(4);
  State state(19, rng);
  const State before = state;
  UpdateRule rule = rule_of(*make_optimizer("gradient_sums", 0), 1);
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
  for (const Kind& kind : kKinds) {
    for (const int variant : {0, 1, 4, 16}) {
      RandomGenerator rng(3);
      State state(5, rng);
      state.gradient[2] = NAN;
      apply_update(state.target(make_rule(kind, variant)), 3, state.gradient.data(), 5);
      INFO(kind.name, ", variant ", variant);
      CHECK(std::isnan(state.weights[3 + 2]));
      CHECK(std::isfinite(state.weights[3 + 1]));
    }
  }
}
