#include "routing/balance.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kRows = 13, kExperts = 5, kStride = 16;

// Probabilities, log-sum-exps and counts of a batch.
struct Batch {
  std::vector<float> probabilities = std::vector<float>(kRows * kStride, kCanary);
  std::vector<float> scales = std::vector<float>(kRows, 1.0f);
  std::vector<float> log_sums;
  std::vector<Index> counts{7, 0, 11, 5, 3};
  Index num_assignments = 26;

  explicit Batch(RandomGenerator& rng) : log_sums(rng.vector(kRows, -2, 3)) {
    for (Index i = 0; i < kRows; ++i) {
      float sum = 0;
      for (Index e = 0; e < kExperts; ++e)
        sum += probabilities[i * kStride + e] = rng.uniform(0, 1);
      for (Index e = 0; e < kExperts; ++e) probabilities[i * kStride + e] /= sum;
    }
  }
  Scores scores() const {
    return {.scores = probabilities.data(),
            .scales = scales.data(),
            .log_sums = log_sums.data(),
            .rows = kRows,
            .experts = kExperts,
            .stride = kStride,
            .counts = counts.data(),
            .num_assignments = num_assignments};
  }
  // E sum_e f_e P_e (Switch Transformers, eq. 4 to 6).
  double aux() const {
    double sum = 0;
    for (Index e = 0; e < kExperts; ++e) {
      double mean = 0;
      for (Index i = 0; i < kRows; ++i)
        mean += static_cast<double>(probabilities[i * kStride + e]) / kRows;
      sum += static_cast<double>(counts[e]) / static_cast<double>(num_assignments) * mean;
    }
    return kExperts * sum;
  }
  // mean_i (log sum exp)^2 (ST-MoE, eq. 5).
  double z() const {
    double sum = 0;
    for (const float log_sum : log_sums) sum += static_cast<double>(log_sum) * log_sum / kRows;
    return sum;
  }
};

Balance make_balance(float aux, float z, float bias) {
  Options options;
  options.set("balance.aux_loss", static_cast<double>(aux));
  options.set("balance.z_loss", static_cast<double>(z));
  options.set("balance.bias", static_cast<double>(bias));
  return Balance::from_options(options);
}

}  // namespace

TEST_CASE("the balance loss is the weighted sum of the naive losses") {
  RandomGenerator rng(1);
  const Batch batch(rng);
  Arena arena;
  const auto loss = [&](float aux, float z) {
    return make_balance(aux, z, 0).loss(batch.scores(), arena);
  };
  CHECK(loss(0, 0) == 0.0);
  CHECK(loss(0.5f, 0) == doctest::Approx(0.5 * batch.aux()).epsilon(1e-6));
  CHECK(loss(0, 0.25f) == doctest::Approx(0.25 * batch.z()).epsilon(1e-6));
  CHECK(loss(0.5f, 0.25f) == doctest::Approx(0.5 * batch.aux() + 0.25 * batch.z()).epsilon(1e-6));
}

TEST_CASE("the auxiliary loss of an even load is 1") {
  RandomGenerator rng(2);
  Batch batch(rng);
  batch.counts = {4, 4, 4, 4, 4};
  batch.num_assignments = 20;
  Arena arena;
  CHECK(make_balance(1, 0, 0).loss(batch.scores(), arena) == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("the auxiliary loss's gradient agrees with finite differences and is accumulated") {
  RandomGenerator rng(3);
  const Batch batch(rng);
  std::vector<float> d_probabilities(kExperts + 1, 2.0f);
  make_balance(0.5f, 0, 0)
      .add_aux_gradient(batch.counts.data(), batch.num_assignments, kRows, kExperts,
                        d_probabilities.data());
  for (Index e = 0; e < kExperts; ++e) {
    Batch above = batch, below = batch;
    above.probabilities[3 * kStride + e] += 0.125f;
    below.probabilities[3 * kStride + e] -= 0.125f;
    CHECK(d_probabilities[e] - 2.0 ==
          doctest::Approx(0.5 * (above.aux() - below.aux()) / 0.25).epsilon(1e-5));
  }
  CHECK(d_probabilities[kExperts] == 2.0f);
}

TEST_CASE("z_loss_derivative agrees with finite differences over log-sum-exp") {
  RandomGenerator rng(4);
  const Batch batch(rng);
  Batch above = batch, below = batch;
  above.log_sums[7] += 0.01f;
  below.log_sums[7] -= 0.01f;
  // d z / d logit = d z / d log_sum * softmax; this checks the first factor.
  CHECK(make_balance(0, 0.25f, 0).z_loss_derivative(batch.log_sums[7], kRows) ==
        doctest::Approx(0.25 * (above.z() - below.z()) / 0.02).epsilon(1e-4));
}

TEST_CASE("the bias moves by its rate towards an even load") {
  const std::vector<Index> counts{7, 0, 6, 6, 11};
  std::vector<float> bias{0.0f, 0.5f, -0.25f, 0.0f, 1.0f};
  make_balance(0, 0, 0.125f).update_bias(counts.data(), 5, 30, bias.data());
  CHECK(bias == std::vector<float>{-0.125f, 0.625f, -0.25f, 0.0f, 0.875f});
}

TEST_CASE("the bias compares counts with the exact mean even if it is fractional") {
  const std::vector<Index> counts{3, 4};
  std::vector<float> bias{0.0f, 0.0f};
  make_balance(0, 0, 1.0f).update_bias(counts.data(), 2, 7, bias.data());
  CHECK(bias == std::vector<float>{1.0f, -1.0f});
}

TEST_CASE("negative weights are refused") {
  for (const auto& [aux, z, bias] : {std::tuple{-1.0f, 0.0f, 0.0f}, std::tuple{0.0f, -1.0f, 0.0f},
                                     std::tuple{0.0f, 0.0f, -1.0f}})
    CHECK_THROWS_WITH_AS(make_balance(aux, z, bias), "balance: expected weights >= 0",
                         std::invalid_argument);
}
