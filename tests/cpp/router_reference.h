// Every registered router in double, from the formulas of the papers cited in routing/*.cpp, and a
// router under test with its parameters.
#pragma once

#include "optimizers/layer_state.h"
#include "reference.h"
#include "routing/output_sum_scorer.h"
#include "routing/router.h"

namespace gatewise::reference {

inline constexpr Index kRouterWidth = 6;

// One configuration of one router.
struct RouterCase {
  std::string kind;
  Index experts = 7;
  Index k = 1;  // experts per row
  bool is_normalized = false;
  std::string constraint = {};
  std::string similarity = "dot";
  double aux = 0, z = 0, bias = 0;

  bool is_constant() const { return kind == "all" || kind == "static"; }
  bool is_sigmoid() const { return kind == "sigmoid_top_k"; }

  Options options() const {
    Options options;
    options.set("num_experts", static_cast<double>(experts));
    options.set("balance.aux_loss", aux);
    options.set("balance.z_loss", z);
    options.set("balance.bias", bias);
    if (kind == "top_k") {
      options.set("router.over", std::string(is_normalized && k % 2 ? "chosen" : "all"));
      options.set("router.normalize", is_normalized);
    }
    if (is_sigmoid() || kind == "keys" || kind == "noisy_top_k")
      options.set("router.normalize", is_normalized);
    if (!is_constant() && kind != "switch") options.set("router.k", static_cast<double>(k));
    if (is_constant()) options.set("router.shared_bias", false);
    if (kind == "static") options.set("router.constraint", constraint);
    if (kind == "keys") {
      options.set("router.key_dim", 5.0);
      options.set("router.similarity", similarity);
      options.set("router.temperature", 0.5);
    }
    return options;
  }
};

// Configurations of one kind; empty for a kind without a reference here.
inline std::vector<RouterCase> router_cases(const std::string& kind) {
  if (kind == "all") return {{.kind = kind, .k = 7}};
  if (kind == "switch")
    return {{.kind = kind, .aux = 0.3, .z = 0.2}, {.kind = kind, .experts = 17, .bias = 0.01}};
  if (kind == "noisy_top_k")
    return {{.kind = kind, .k = 2, .is_normalized = true, .aux = 0.3, .z = 0.2},
            {.kind = kind, .experts = 33, .k = 4, .is_normalized = true}};
  std::vector<RouterCase> cases;
  if (kind == "keys" || kind == "output_sum")
    for (const Index k : {2, 7})
      cases.push_back({.kind = kind, .k = k, .is_normalized = true, .bias = k == 2 ? 0.01 : 0.0});
  if (kind == "keys")
    cases.push_back({.kind = kind,
                     .experts = 17,
                     .k = 3,
                     .is_normalized = true,
                     .similarity = "cosine",
                     .aux = 0.3,
                     .z = 0.2});
  if (kind == "static")
    for (const char* constraint : {"free", "non_negative", "simplex"})
      cases.push_back({.kind = kind, .k = 7, .constraint = constraint});
  if (kind == "top_k" || kind == "sigmoid_top_k")
    for (const Index k : {1, 2, 3, 7})
      for (const bool is_normalized : {false, true})
        cases.push_back({.kind = kind,
                         .k = k,
                         .is_normalized = is_normalized,
                         .aux = k == 2 ? 0.3 : 0.0,
                         .z = k == 2 ? 0.2 : 0.0,
                         .bias = k == 3 ? 0.01 : 0.0});
  return cases;
}

using Table = std::vector<std::vector<double>>;  // [rows][columns]

// A router with random parameters and rows to route.
struct RoutedBatch {
  RouterCase setting;
  std::unique_ptr<Router> router;
  ParameterBlock block;
  Matrix x;
  Table output_sums;  // [experts][width + 1], the bias's sum last; empty if the router scores none

  RoutedBatch(const RouterCase& setting, Index rows, std::uint64_t seed)
      : setting(setting),
        router(Registry<Router>::create(setting.kind, setting.options())),
        x(rows, kRouterWidth, kRouterWidth + 1) {
    RandomGenerator rng(seed);
    x = Matrix(rows, kRouterWidth, kRouterWidth + 1, rng);
    router->declare(block, kRouterWidth);
    block.allocate();
    for (int index = 0; index < static_cast<int>(block.all().size()); ++index) {
      const Parameter& parameter = block.at(index);
      for (Index i = 0; i < parameter.shape.rows; ++i)
        for (Index j = 0; j < parameter.shape.cols; ++j)
          value(index, i, j) = rng.uniform(-1, 1) * (parameter.role == "state" ? 0.1f : 1.0f);
    }
    OutputSumScorer* scorer = output_sum_scorer();
    if (!scorer) return;
    for (Index e = 0; e < setting.experts; ++e) {
      const std::vector<float> sums = rng.vector(kRouterWidth + 1);
      scorer->set_output_sums(e, sums.data(), sums.back());
      output_sums.emplace_back(sums.begin(), sums.end());
    }
  }

  // The router, if its scores are output sums; else null.
  OutputSumScorer* output_sum_scorer() const {
    return dynamic_cast<OutputSumScorer*>(router.get());
  }

  float& value(int index, Index i, Index j) {
    const Parameter& parameter = block.at(index);
    return block.slice(index)[parameter.is_matrix ? Packed::offset(parameter.shape, i, j) : j];
  }
  float value(int index, Index i, Index j) const {
    return const_cast<RoutedBatch*>(this)->value(index, i, j);
  }
  int index_of(const std::string& name) const {
    for (std::size_t at = 0; at < block.all().size(); ++at)
      if (block.all()[at].name == name) return static_cast<int>(at);
    return -1;
  }
  Input input() const { return {.dense = x.view(), .width = kRouterWidth}; }
};

inline double softplus_in_double(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

// x W, both row-major in double.
inline Table product(const Table& x, const Table& w) {
  Table y(x.size(), std::vector<double>(w[0].size(), 0.0));
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t k = 0; k < w.size(); ++k)
      for (std::size_t j = 0; j < w[0].size(); ++j) y[i][j] += x[i][k] * w[k][j];
  return y;
}

inline Table table_of(const Matrix& m) {
  Table table(static_cast<std::size_t>(m.rows));
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < m.cols; ++j) table[i].push_back(m.at(i, j));
  return table;
}

inline Table table_of(const RoutedBatch& batch, int index) {
  const PanelShape shape = batch.block.at(index).shape;
  Table table(static_cast<std::size_t>(shape.rows));
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < shape.cols; ++j) table[i].push_back(batch.value(index, i, j));
  return table;
}

// All parameters of a batch's router, by parameter index.
inline std::vector<Table> tables_of(const RoutedBatch& batch) {
  std::vector<Table> tables;
  for (int index = 0; index < static_cast<int>(batch.block.all().size()); ++index)
    tables.push_back(table_of(batch, index));
  return tables;
}

// Rows scaled to length 1.
inline Table unit_rows(Table rows) {
  for (std::vector<double>& row : rows) {
    double square = 0;
    for (const double value : row) square += value * value;
    for (double& value : row) value /= std::sqrt(square);
  }
  return rows;
}

inline Table transposed(const Table& rows) {
  Table columns(rows[0].size(), std::vector<double>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows[0].size(); ++j) columns[j][i] = rows[i][j];
  return columns;
}

// Logits [rows][experts] of rows x, without noise. `parameters` is indexed by parameter.
inline Table logits_in_double(const RoutedBatch& batch, const Table& x,
                              const std::vector<Table>& parameters) {
  if (batch.output_sum_scorer()) {
    Table rows = x;
    for (std::vector<double>& row : rows) row.push_back(1);
    return product(rows, transposed(batch.output_sums));
  }
  if (batch.setting.kind != "keys") return product(x, parameters[batch.index_of("router_kernel")]);
  Table rows = product(x, parameters[batch.index_of("router_projection")]);
  Table keys = transposed(parameters[batch.index_of("router_keys")]);
  if (batch.setting.similarity == "cosine") {
    rows = unit_rows(rows);
    keys = unit_rows(keys);
  }
  Table logits = product(rows, transposed(keys));
  for (std::vector<double>& row : logits)
    for (double& logit : row) logit /= 0.5;  // the temperature
  return logits;
}

// Scores of one row and the log-sum-exp of its logits.
struct RowScores {
  std::vector<double> scores;
  double log_sum = 0;
};

inline RowScores score_in_double(const RouterCase& setting, const std::vector<double>& logits) {
  RowScores row;
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit);
  row.log_sum = std::log(sum);
  for (const double logit : logits)
    row.scores.push_back(setting.is_sigmoid() ? 1 / (1 + std::exp(-logit)) : std::exp(logit) / sum);
  return row;
}

// Weights of one row's chosen experts.
inline std::vector<double> weigh_in_double(const RouterCase& setting, const RowScores& row,
                                           const std::int32_t* chosen) {
  std::vector<double> weights;
  double sum = 0;
  for (Index j = 0; j < setting.k; ++j) {
    weights.push_back(row.scores[chosen[j]]);
    sum += weights.back();
  }
  if (setting.is_normalized)
    for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace gatewise::reference
