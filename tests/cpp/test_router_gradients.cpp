// Compares every router's backward with finite differences in double, with the choice held fixed.
#include "router_reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kRows = 11;

// The variables of a router's loss, in double.
struct Variables {
  Table x;
  std::vector<Table> parameters;  // by parameter index
};

// The values held fixed.
struct Problem {
  const RoutedBatch& batch;
  const RouterRun& run;
  Table noise;                   // N(0, 1) of noisy_top_k
  std::vector<float> d_weights;  // the gradient by each assignment's weight

  // The sum of d_weights times weights, plus the balance losses.
  double loss(const Variables& at) const {
    const RouterCase& setting = batch.setting;
    if (setting.is_constant()) return constant_loss(at);
    Table logits = logits_in_double(batch, at.x, at.parameters);
    if (!noise.empty()) {
      const Table spread = product(at.x, at.parameters[batch.index_of("router_noise_kernel")]);
      for (Index i = 0; i < kRows; ++i)
        for (Index e = 0; e < setting.experts; ++e)
          logits[i][e] += noise[i][e] * softplus_in_double(spread[i][e]);
    }
    double sum = 0;
    for (Index i = 0; i < kRows; ++i) {
      const RowScores row = score_in_double(setting, logits[i]);
      const std::vector<double> weights =
          weigh_in_double(setting, row, run.choice.experts + i * setting.k);
      for (Index j = 0; j < setting.k; ++j) sum += d_weights[i * setting.k + j] * weights[j];
      double total = 0, aux = 0;
      for (const double score : row.scores) total += score;
      for (Index e = 0; e < setting.experts; ++e)
        aux += static_cast<double>(run.counts[e]) * row.scores[e] / total;
      sum += setting.aux * static_cast<double>(setting.experts) * aux /
             static_cast<double>(run.choice.num_assignments() * kRows);
      sum += setting.z * row.log_sum * row.log_sum / static_cast<double>(kRows);
    }
    return sum;
  }

  double constant_loss(const Variables& at) const {
    const int alpha = batch.index_of("router_alpha");
    if (alpha < 0) return 0;
    const std::vector<double>& values = at.parameters[alpha][0];
    double total = 0, sum = 0;
    for (const double value : values) total += std::exp(value);
    for (Index assignment = 0; assignment < run.choice.num_assignments(); ++assignment) {
      const double value = values[run.choice.experts[assignment]];
      sum += d_weights[assignment] *
             (batch.setting.constraint == "simplex" ? std::exp(value) / total : value);
    }
    return sum;
  }

  // The derivative by x[i][j], or by value (i, j) of parameter `parameter_index` if that is >= 0.
  double difference_quotient(Variables at, int parameter_index, Index i, Index j) const {
    double& value = parameter_index < 0 ? at.x[i][j] : at.parameters[parameter_index][i][j];
    const double kept = value, h = 1e-5;
    value = kept + h;
    const double above = loss(at);
    value = kept - h;
    return (above - loss(at)) / (2 * h);
  }
};

// The normal numbers that a run drew, from the derivative of the noise that it keeps.
Table drawn_noise(const RoutedBatch& batch, const RouterRun& run) {
  if (batch.setting.kind != "noisy_top_k") return {};
  Table noise = product(table_of(batch.x), table_of(batch, batch.index_of("router_noise_kernel")));
  for (Index i = 0; i < kRows; ++i)
    for (Index e = 0; e < batch.setting.experts; ++e)
      noise[i][e] = run.noise[i * run.stride + e] * (1 + std::exp(-noise[i][e]));
  return noise;
}

void check_gradients(const RouterCase& setting) {
  RoutedBatch batch(setting, kRows, 11);
  const RoutedBatch before(setting, kRows, 11);
  Arena arena;
  const RunInfo info{.training = true, .seed = 1, .stream = 2, .step = 3};
  const RouterRun run = batch.router->forward(batch.input(), kRows, batch.block, info, arena);
  RandomGenerator rng(12);
  const Problem problem{before, run, drawn_noise(before, run),
                        rng.vector(run.choice.num_assignments())};
  Variables at{table_of(before.x), tables_of(before)};

  const auto sgd = make_optimizer("sgd", 1);
  LayerState state(batch.block, *sgd, false);
  state.begin_step();
  Matrix d_x(kRows, kRouterWidth, kRouterWidth + 2);
  for (Index i = 0; i < kRows; ++i)
    for (Index j = 0; j < kRouterWidth; ++j) d_x.at(i, j) = 0.5f;
  batch.router->backward(batch.input(), run, problem.d_weights.data(), batch.block,
                         {d_x.data(), d_x.stride}, &state, arena);

  // Rounding of float derivatives near 1, summed over eleven rows; finite differences err by 1e-9.
  WorstError inputs, parameters;
  for (Index i = 0; i < kRows; ++i)
    for (Index j = 0; j < kRouterWidth; ++j)
      inputs.see(d_x.at(i, j) - 0.5, problem.difference_quotient(at, -1, i, j), 1e-5);
  for (int parameter_index = 0; parameter_index < static_cast<int>(before.block.all().size());
       ++parameter_index) {
    const Parameter& parameter = before.block.at(parameter_index);
    if (!parameter.is_trained()) continue;
    for (Index i = 0; i < parameter.shape.rows; ++i)
      for (Index j = 0; j < parameter.shape.cols; ++j)
        parameters.see(before.value(parameter_index, i, j) - batch.value(parameter_index, i, j),
                       problem.difference_quotient(at, parameter_index, i, j), 1e-5);
  }
  INFO("by x: ", inputs.report());
  INFO("by parameters: ", parameters.report());
  CHECK(inputs.is_within());
  CHECK(parameters.is_within());
  CHECK(d_x.gaps_are_intact());
}

}  // namespace

TEST_CASE("every router's gradients agree with finite differences of its formula") {
  for (const std::string& kind : Registry<Router>::kinds()) {
    if (kind == "output_sum")
      continue;  // its gradient flows through the experts: see the next case
    for (const RouterCase& setting : router_cases(kind)) {
      INFO(kind, " k ", setting.k, std::string(setting.is_normalized ? " normalized" : ""), " ",
           setting.constraint, " aux ", setting.aux);
      check_gradients(setting);
    }
  }
}

TEST_CASE("gradients of output sums are those of a softmax over the chosen experts") {
  for (const RouterCase& setting : router_cases("output_sum")) {
    const RoutedBatch batch(setting, kRows, 14);
    Arena arena;
    const RouterRun run =
        batch.router->forward(batch.input(), kRows, batch.block, {.training = true}, arena);
    RandomGenerator rng(15);
    const std::vector<float> d_weights = rng.vector(run.choice.num_assignments());
    std::vector<float> d_sums(static_cast<std::size_t>(setting.k));
    const Table logits = logits_in_double(batch, table_of(batch.x), {});
    WorstError worst;
    for (Index i = 0; i < kRows; ++i) {
      const std::int32_t* chosen = run.choice.experts + i * setting.k;
      const float* d_row = d_weights.data() + i * setting.k;
      batch.output_sum_scorer()->output_sums_backward(run, i, d_row, d_sums.data());
      const auto loss = [&](Index of, double step) {
        double sum = 0, total = 0;
        for (Index j = 0; j < setting.k; ++j) {
          const double weight = std::exp(logits[i][chosen[j]] + (j == of ? step : 0.0));
          sum += d_row[j] * weight;
          total += weight;
        }
        return sum / total;
      };
      for (Index j = 0; j < setting.k; ++j)
        worst.see(d_sums[j], (loss(j, 1e-5) - loss(j, -1e-5)) / 2e-5, 1e-5);
    }
    INFO(worst.report());
    CHECK(worst.is_within());
  }
}

TEST_CASE("a frozen router and one without input gradient write nothing else") {
  for (const std::string& kind : Registry<Router>::kinds()) {
    const RouterCase setting = router_cases(kind)[0];
    RoutedBatch batch(setting, kRows, 13);
    const std::vector<float> before(batch.block.data(), batch.block.data() + batch.block.size());
    Arena arena;
    const RouterRun run =
        batch.router->forward(batch.input(), kRows, batch.block, {.training = true}, arena);
    const std::vector<float> d_weights(static_cast<std::size_t>(run.choice.num_assignments()),
                                       1.0f);
    batch.router->backward(batch.input(), run, d_weights.data(), batch.block, {}, nullptr, arena);
    INFO(kind);
    CHECK(same_bits(batch.block.data(), before.data(), batch.block.size()));
  }
}
