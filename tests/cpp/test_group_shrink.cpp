#include "kernels/group_shrink.h"

#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

const std::vector<WeightGroups> kKinds{WeightGroups::kInputs, WeightGroups::kUnits,
                                       WeightGroups::kBlocks};
// Sizes around the width of a panel and the rows of a chunk.
const std::vector<PanelShape> kShapes{{1, 1},  {3, 16},  {5, 17}, {63, 5},
                                      {64, 3}, {65, 20}, {7, 33}, {130, 48}};

// The group that weight (i, j) belongs to.
Index group_of(WeightGroups groups, Index i, Index j) {
  if (groups == WeightGroups::kInputs) return i;
  return groups == WeightGroups::kUnits ? j : i * 1000 + j / 16;
}

// Naive sums in double over all weights of the group of (i, j); v may be null.
struct Group {
  double square = 0, weighted = 0, size = 0;

  Group(WeightGroups groups, const Packed& w, const Packed* v, const GroupShrink& s, Index i,
        Index j) {
    for (Index k = 0; k < w.shape.rows; ++k)
      for (Index l = 0; l < w.shape.cols; ++l) {
        if (group_of(groups, k, l) != group_of(groups, i, j)) continue;
        const double h = v ? std::sqrt(v->at(k, l)) * s.variance_root + s.epsilon : 1;
        square += std::pow(w.at(k, l), 2);
        weighted += std::pow(h * w.at(k, l), 2);
        size += 1;
      }
  }
};

Packed random_packed(PanelShape shape, RandomGenerator& rng, float low, float high) {
  Packed packed(shape);
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < shape.cols; ++j) packed.at(i, j) = rng.uniform(low, high);
  return packed;
}

void shrink_all(const GroupShrink& shrink, Packed& w) {
  for (Index chunk = 0; chunk < num_group_chunks(w.shape, shrink.groups); ++chunk)
    shrink_groups(shrink, w.buffer.data(), w.shape, chunk);
}

double penalty_of(WeightGroups groups, const Packed& w) {
  double sum = 0;
  for (Index chunk = 0; chunk < num_group_chunks(w.shape, groups); ++chunk)
    sum += group_penalty(groups, w.buffer.data(), w.shape, chunk);
  return sum;
}

// A rate that sets a good part of the groups to zero.
GroupShrink make_shrink(WeightGroups groups, const Packed* v) {
  return {.groups = groups,
          .rate = v ? 0.09f : 0.52f,
          .second = v ? v->buffer.data() : nullptr,
          .variance_root = 1.3f,
          .epsilon = 0.01f};
}

}  // namespace

// |x| after the proximal step of the group of (i, j), by bisection; 0 if the group becomes zero.
double solved_norm(WeightGroups groups, const Packed& w, const Packed* v, const GroupShrink& s,
                   Index i, Index j) {
  const Group group(groups, w, v, s, i, j);
  const double t = s.rate * std::sqrt(group.size);
  if (group.weighted <= t * t) return 0;
  double low = 0, high = std::sqrt(group.square);
  for (int halving = 0; halving < 60; ++halving) {
    const double n = (low + high) / 2;
    double f = 0;
    for (Index k = 0; k < w.shape.rows; ++k)
      for (Index l = 0; l < w.shape.cols; ++l) {
        if (group_of(groups, k, l) != group_of(groups, i, j)) continue;
        const double h = v ? std::sqrt(v->at(k, l)) * s.variance_root + s.epsilon : 1;
        f += std::pow(h * w.at(k, l) / (h * n + t), 2);
      }
    (f > 1 ? low : high) = n;
  }
  return high;
}

TEST_CASE("shrink_groups is the proximal step of each group, with and without v") {
  RandomGenerator rng(1);
  Index zero_groups = 0, weights = 0;
  for (const WeightGroups groups : kKinds) {
    for (const PanelShape shape : kShapes) {
      if (shape.floats() > 2500) continue;  // the reference is slow
      for (const bool has_second : {false, true}) {
        const Packed v = random_packed(shape, rng, 1e-3f, 0.03f);
        const Packed before = random_packed(shape, rng, -1, 1);
        Packed w(shape), velocity(shape);
        std::copy_n(before.buffer.data(), shape.floats(), w.buffer.data());
        GroupShrink shrink = make_shrink(groups, has_second ? &v : nullptr);
        shrink.velocity = velocity.buffer.data();
        shrink.velocity_share = 0.5f;
        shrink_all(shrink, w);
        WorstError worst, worst_velocity;
        for (Index i = 0; i < shape.rows; ++i)
          for (Index j = 0; j < shape.cols; ++j) {
            const Group group(groups, before, has_second ? &v : nullptr, shrink, i, j);
            const double norm = std::sqrt(group.weighted);
            const double t = shrink.rate * std::sqrt(group.size);
            if (t > norm * (1 + 1e-5)) CHECK(w.at(i, j) == 0.0f);
            const double h =
                has_second ? std::sqrt(v.at(i, j)) * shrink.variance_root + shrink.epsilon : 1;
            const double n = solved_norm(groups, before, has_second ? &v : nullptr, shrink, i, j);
            const double expected = before.at(i, j) * h * n / (h * n + t);
            // Float sums of up to 130 squares; groups close to zero amplify their error.
            worst.see(w.at(i, j), expected, 2e-5);
            worst_velocity.see(velocity.at(i, j), 0.5 * (expected - before.at(i, j)), 2e-5);
            zero_groups += w.at(i, j) == 0;
            ++weights;
          }
        INFO("groups ", static_cast<int>(groups), " shape ", shape.rows, " x ", shape.cols, ": ",
             worst.report(), worst_velocity.report());
        CHECK(worst.is_within());
        CHECK(worst_velocity.is_within());
        CHECK(w.padding_is_zero());
        CHECK(velocity.padding_is_zero());
      }
    }
  }
  CHECK(zero_groups > weights / 10);
  CHECK(zero_groups < weights / 2);
}

TEST_CASE("group_penalty sums the group norms weighted by the roots of the group sizes") {
  RandomGenerator rng(2);
  for (const WeightGroups groups : kKinds) {
    for (const PanelShape shape : kShapes) {
      const Packed w = random_packed(shape, rng, -1, 1);
      double expected = 0;
      for (Index i = 0; i < shape.rows; ++i)
        for (Index j = 0; j < shape.cols; ++j) {
          // The group's term, divided evenly among its weights.
          const Group group(groups, w, nullptr, {}, i, j);
          expected += std::sqrt(group.square * group.size) / group.size;
        }
      CHECK(penalty_of(groups, w) == doctest::Approx(expected).epsilon(1e-6));
    }
  }
}

TEST_CASE("shrink_groups keeps zeros and does not hide NaN") {
  for (const WeightGroups groups : kKinds) {
    Packed w({3, 20});
    shrink_all(make_shrink(groups, nullptr), w);
    CHECK(penalty_of(groups, w) == 0);
    w.at(1, 2) = NAN;
    w.at(2, 18) = 5;
    shrink_all(make_shrink(groups, nullptr), w);
    CHECK(std::isnan(w.at(1, 2)));
    CHECK(w.at(2, 18) > 0);
    CHECK(w.at(0, 0) == 0);
  }
}

namespace {

constexpr const char* kKernels[] = {"kernel", "kernel_in", "kernel_out"};

struct Trained {
  std::vector<float> weights;
  double loss = 0;  // of the last step
  Index zeros = 0;  // zeros in the kernels
};

// Trains a network whose kernels have a group penalty for 6 steps.
Trained train_with_groups(WeightGroups groups, float l1, int threads) {
  const Threads scope(threads);
  const Samples samples;
  const Dataset data = samples.dataset();
  const auto network = make_network("top_k", "mlp");
  std::vector<std::pair<ParameterBlock*, Parameter*>> kernels;
  for (const Node& node : network->nodes()) {
    ParameterBlock& block = node.layer->parameters();
    for (const Parameter& parameter : block.all())
      if (std::count(std::begin(kKernels), std::end(kKernels), parameter.name))
        kernels.emplace_back(&block, &block.find(parameter.name));
  }
  for (const auto& [block, parameter] : kernels) {
    parameter->l1 = l1;
    parameter->groups = groups;
  }
  const auto trainer = make_trainer(network, adam());
  std::vector<Index> all(kSamples);
  for (Index i = 0; i < kSamples; ++i) all[i] = i;
  Trained result;
  for (int step = 0; step < 6; ++step)
    result.loss = trainer->train_step(data, all.data(), kSamples)[0];
  result.weights = all_parameters(*network);
  for (const auto& [block, parameter] : kernels)
    result.zeros += parameter->values() - count_nonzero(*block, *parameter);
  return result;
}

}  // namespace

TEST_CASE("training with a group penalty has the same bits for any thread count") {
  for (const WeightGroups groups : kKinds) {
    const Trained one = train_with_groups(groups, 0.01f, 1);
    const Trained two = train_with_groups(groups, 0.01f, 2);
    CHECK(same_bits(one.weights, two.weights));
    CHECK(one.loss == two.loss);
    CHECK(one.zeros > 0);
    CHECK(train_with_groups(groups, 0, 1).zeros == 0);
  }
}
