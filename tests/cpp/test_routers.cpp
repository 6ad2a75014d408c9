#include <set>

#include "router_reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

template <typename Check>
void for_all_routers(const Check& check) {
  for (const std::string& kind : Registry<Router>::kinds()) {
    const std::vector<RouterCase> cases = router_cases(kind);
    INFO("a registered router that router_reference.h does not know: ", kind);
    REQUIRE(!cases.empty());
    for (const RouterCase& setting : cases) {
      INFO(kind, " k ", setting.k, std::string(setting.is_normalized ? " normalized" : ""),
           " bias ", setting.bias);
      check(setting);
    }
  }
}

// Whether `run` is CSR over all rows, with k distinct experts per row and matching counts.
bool is_valid_choice(const RouterRun& run, const RouterCase& setting, Index rows) {
  std::vector<Index> counts(static_cast<std::size_t>(setting.experts), 0);
  bool is_valid = run.choice.rows == rows && run.choice.num_assignments() == rows * setting.k;
  for (Index i = 0; i < rows; ++i) {
    is_valid &= run.choice.offsets[i] == i * setting.k;
    std::set<std::int32_t> seen;
    for (Index at = i * setting.k; at < (i + 1) * setting.k; ++at) {
      const std::int32_t expert = run.choice.experts[at];
      is_valid &= expert >= 0 && expert < setting.experts;
      seen.insert(expert);
      ++counts[expert];
    }
    is_valid &= static_cast<Index>(seen.size()) == setting.k;
  }
  for (Index e = 0; e < setting.experts; ++e) is_valid &= run.counts[e] == counts[e];
  return is_valid;
}

}  // namespace

TEST_CASE("every router chooses k distinct experts per row in CSR form") {
  for_all_routers([](const RouterCase& setting) {
    for (const Index rows : {0, 1, 2, 33}) {
      const RoutedBatch batch(setting, rows, 1);
      CHECK(batch.router->per_row() == setting.k);
      for (const bool training : {false, true}) {
        Arena arena;
        const RunInfo info{training, 3, 4, 5};
        const RouterRun run = batch.router->forward(batch.input(), rows, batch.block, info, arena);
        CHECK(is_valid_choice(run, setting, rows));
      }
    }
  });
}

TEST_CASE("score routers agree with the naive softmax and sigmoid choice, best first") {
  for_all_routers([](const RouterCase& setting) {
    if (setting.is_constant()) return;
    const Index rows = 40;
    const RoutedBatch batch(setting, rows, 2);
    Arena arena;
    const RouterRun run = batch.router->forward(batch.input(), rows, batch.block, {}, arena);
    const Table logits = logits_in_double(batch, table_of(batch.x), tables_of(batch));
    const int bias = batch.index_of("balance_bias");
    CHECK((bias >= 0) == (setting.bias > 0));
    WorstError worst;
    bool is_best_first = true;
    double z = 0;
    for (Index i = 0; i < rows; ++i) {
      const RowScores row = score_in_double(setting, logits[i]);
      z += row.log_sum * row.log_sum / static_cast<double>(rows);
      const std::int32_t* chosen = run.choice.experts + i * setting.k;
      // The naive choice: a stable sort by score plus balance bias.
      std::vector<std::int32_t> order;
      for (Index e = 0; e < setting.experts; ++e) order.push_back(static_cast<std::int32_t>(e));
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        const double bias_a = bias >= 0 ? batch.value(bias, 0, a) : 0.0;
        const double bias_b = bias >= 0 ? batch.value(bias, 0, b) : 0.0;
        return row.scores[a] + bias_a > row.scores[b] + bias_b;
      });
      is_best_first &= std::equal(chosen, chosen + setting.k, order.begin());
      const std::vector<double> weights = weigh_in_double(setting, row, chosen);
      for (Index j = 0; j < setting.k; ++j)
        worst.see(run.choice.weights[i * setting.k + j], weights[j], 2e-6);
      worst.see(run.log_sums[i], row.log_sum, 2e-6);
    }
    INFO(worst.report());
    CHECK(is_best_first);
    CHECK(worst.is_within());
    if (setting.z > 0 && setting.aux == 0)
      CHECK(run.loss == doctest::Approx(setting.z * z).epsilon(1e-5));
  });
}

TEST_CASE("score routers break ties by lowest index") {
  for (const char* kind : {"top_k", "sigmoid_top_k", "switch"}) {
    for (const RouterCase& setting : router_cases(kind)) {
      RoutedBatch batch(setting, 3, 3);
      std::fill_n(batch.block.data(), batch.block.size(), 0.0f);
      Arena arena;
      const RouterRun run = batch.router->forward(batch.input(), 3, batch.block, {}, arena);
      for (Index at = 0; at < 3 * setting.k; ++at)
        CHECK(run.choice.experts[at] == static_cast<std::int32_t>(at % setting.k));
    }
  }
}

TEST_CASE("constant routers give every row the same weights") {
  for_all_routers([](const RouterCase& setting) {
    if (!setting.is_constant()) return;
    const RoutedBatch batch(setting, 5, 4);
    Arena arena;
    const RouterRun run = batch.router->forward(batch.input(), 5, batch.block, {}, arena);
    const int alpha = batch.index_of("router_alpha");
    double sum = 0;
    for (Index e = 0; e < 7 && alpha >= 0; ++e) sum += std::exp(batch.value(alpha, 0, e));
    for (Index at = 0; at < 35; ++at) {
      double expected = 1;
      if (alpha >= 0) expected = batch.value(alpha, 0, at % 7);
      if (setting.constraint == "simplex") expected = std::exp(expected) / sum;
      CHECK(run.choice.experts[at] == at % 7);
      CHECK(run.choice.weights[at] == doctest::Approx(expected).epsilon(1e-6));
    }
  });
}

TEST_CASE("a row's experts and weights do not depend on the other rows at prediction") {
  for_all_routers([](const RouterCase& setting) {
    const RoutedBatch batch(setting, 30, 5);
    Arena arena;
    const RouterRun all = batch.router->forward(batch.input(), 30, batch.block, {}, arena);
    bool is_same = true;
    for (Index i = 0; i < 30; ++i) {
      Arena own;
      const Input row{.dense = {batch.x.view().row(i), batch.x.stride, nullptr},
                      .width = kRouterWidth};
      const RouterRun one = batch.router->forward(row, 1, batch.block, {}, own);
      is_same &= same_bits(one.choice.weights, all.choice.weights + i * setting.k, setting.k);
      is_same &= std::equal(one.choice.experts, one.choice.experts + setting.k,
                            all.choice.experts + i * setting.k);
    }
    CHECK(is_same);
  });
}

TEST_CASE("a row's bits do not depend on threads, row blocks or what a run keeps") {
  for_all_routers([](const RouterCase& setting) {
    const Index rows = 203;
    const RoutedBatch batch(setting, rows, 6);
    const RunInfo training{true, 3, 4, 5};
    for (const RunInfo& info : {RunInfo{}, training}) {
      Arena first;
      const Threads alone(1);
      const RouterRun run = batch.router->forward(batch.input(), rows, batch.block, info, first);
      const auto is_same = [&](const RouterRun& other, Index begin, Index count) {
        const Index from = begin * setting.k, assignments = count * setting.k;
        return std::equal(other.choice.experts, other.choice.experts + assignments,
                          run.choice.experts + from) &&
               same_bits(other.choice.weights, run.choice.weights + from, assignments) &&
               (setting.is_constant() || same_bits(other.log_sums, run.log_sums + begin, count));
      };
      for (const int count : {2, 3, 16}) {
        const Threads threads(count);
        Arena arena;
        CHECK(
            is_same(batch.router->forward(batch.input(), rows, batch.block, info, arena), 0, rows));
      }
      if (info.training && setting.kind == "noisy_top_k")
        continue;  // noise depends on the row's index
      for (const Index begin : {0, 100, 180}) {
        Arena arena;
        const Input part = batch.input().from(begin);
        CHECK(is_same(batch.router->forward(part, 23, batch.block, {}, arena), begin, 23));
      }
    }
  });
}

TEST_CASE("the noise of noisy_top_k is normal, scaled by softplus and different in every step") {
  const RouterCase setting{
      .kind = "noisy_top_k", .experts = 33, .k = 4, .is_normalized = true, .z = 0.1};
  const Index rows = 2000;
  const RoutedBatch batch(setting, rows, 6);
  const Table x = table_of(batch.x);
  const Table clean = product(x, table_of(batch, batch.index_of("router_kernel")));
  const Table spread = product(x, table_of(batch, batch.index_of("router_noise_kernel")));
  std::set<float> first_logits;
  for (std::uint64_t step = 0; step < 3; ++step) {
    Arena arena;
    const RunInfo info{true, 1, 2, step};
    const RouterRun run = batch.router->forward(batch.input(), rows, batch.block, info, arena);
    double mean = 0, variance = 0;
    const double count = static_cast<double>(rows * 33);
    for (Index i = 0; i < rows; ++i) {
      for (Index e = 0; e < 33; ++e) {
        const double noise =
            (run.logits[i * run.stride + e] - clean[i][e]) / softplus_in_double(spread[i][e]);
        mean += noise / count;
        variance += noise * noise / count;
      }
    }
    first_logits.insert(run.logits[0]);
    CHECK(std::fabs(mean) < 5 / std::sqrt(count));
    CHECK(std::fabs(variance - 1) < 5 * std::sqrt(2 / count));
  }
  CHECK(first_logits.size() == 3);
}

TEST_CASE("finish_step updates the balance bias and sets negative weights to 0 if constrained") {
  const RouterCase setting{.kind = "top_k", .k = 2, .bias = 0.25};
  RoutedBatch batch(setting, 9, 7);
  Arena arena;
  const RouterRun run = batch.router->forward(batch.input(), 9, batch.block, {}, arena);
  const int bias = batch.index_of("balance_bias");
  for (Index e = 0; e < 7; ++e) batch.value(bias, 0, e) = 0;
  batch.router->finish_step(run, batch.block);
  for (Index e = 0; e < 7; ++e)
    CHECK(batch.value(bias, 0, e) == (run.counts[e] * 7 > 18 ? -0.25f : 0.25f));

  for (const char* constraint : {"free", "non_negative"}) {
    RoutedBatch constant({.kind = "static", .k = 7, .constraint = constraint}, 1, 8);
    const RoutedBatch before({.kind = "static", .k = 7, .constraint = constraint}, 1, 8);
    constant.router->finish_step(RouterRun{}, constant.block);
    for (Index e = 0; e < 7; ++e) {
      const float alpha = before.value(0, 0, e);
      CHECK(constant.value(0, 0, e) == (*constraint == 'f' ? alpha : std::max(alpha, 0.0f)));
    }
  }
}

TEST_CASE("routers refuse invalid options") {
  RouterCase setting{.kind = "top_k", .k = 8};
  CHECK_THROWS_WITH_AS(Registry<Router>::create("top_k", setting.options()),
                       "k: expected 1 <= k <= num_experts (7), got 8", std::invalid_argument);
  setting = {.kind = "all", .k = 7, .aux = 0.1};
  CHECK_THROWS_AS(Registry<Router>::create("all", setting.options()), std::invalid_argument);
  CHECK_THROWS_AS(Registry<Router>::create("nothing", Options{}), std::invalid_argument);
}

TEST_CASE("normalized weights stay finite where every chosen score underflows") {
  // Sigmoids of -200 underflow, as do softmax scores of experts that the bias chose.
  for (const std::string kind : {"sigmoid_top_k", "top_k"}) {
    RoutedBatch batch({.kind = kind, .k = 2, .is_normalized = true, .bias = 0.01}, 3, 9);
    std::fill_n(batch.block.data(), batch.block.size(), 0.0f);
    const bool is_sigmoid = batch.setting.is_sigmoid();
    for (Index i = 0; i < 3; ++i) batch.x.at(i, 0) = 1;
    for (Index e = 0; e < 7; ++e) {
      batch.value(batch.index_of("router_kernel"), 0, e) = is_sigmoid || e > 1 ? -200.0f : 0.0f;
      batch.value(batch.index_of("balance_bias"), 0, e) = e > 1 ? 2.0f : 0.0f;
    }
    Arena arena;
    const RouterRun run = batch.router->forward(batch.input(), 3, batch.block, {}, arena);
    INFO(kind);
    const float* weights = run.choice.weights;
    CHECK(std::all_of(weights, weights + 6, [](float weight) { return std::isfinite(weight); }));
  }
}
