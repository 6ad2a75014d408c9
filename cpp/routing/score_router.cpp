#include "routing/score_router.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/softmax.h"
#include "kernels/top_k.h"

namespace gatewise {

void router_product(const Input& x, Index rows, const ParameterBlock& block, int kernel, float* y,
                    Index stride, Arena& arena) {
  const Epilogue epilogue{.y = y, .y_stride = stride};
  grouped_forward(x, all_rows(rows, arena), grouped_weights(block, kernel, -1), epilogue);
}

void router_product_backward(const Input& x, Index rows, const float* d_y, Index stride,
                             const ParameterBlock& block, int kernel, RowGradient d_x,
                             UpdateSink* sink, Arena& arena) {
  const Groups groups = all_rows(rows, arena);
  if (d_x.d_x) {
    const InputGradient out{.d_x = d_x.d_x, .stride = d_x.stride, .accumulate = true};
    grouped_input_gradient(d_y, stride, groups, grouped_weights(block, kernel, -1), out, arena);
  }
  if (sink) grouped_weight_gradient(x, d_y, stride, groups, block, kernel, -1, *sink, arena);
}

ScoreRouter::ScoreRouter(const Options& options, Index k, bool normalize)
    : Router(options), k_(k), normalize_(normalize) {
  require(k >= 1 && k <= experts_, "k: expected 1 <= k <= num_experts (", experts_, "), got ", k);
}

void ScoreRouter::declare(ParameterBlock& block, Index width) {
  kernel_ = block.add_matrix("router_kernel", "router", width, experts_);
  if (balance_.bias_rate > 0) bias_ = block.add_vector("balance_bias", "state", experts_);
}

// `ranks` [experts] is room for the scores with the balance bias on them.
void ScoreRouter::choose_row(Index row, const float* bias, float* ranks, RouterRun& run) const {
  const float* scores = run.scores + row * run.stride;
  std::int32_t* chosen = run.choice.experts + row * k_;
  float* weights = run.choice.weights + row * k_;
  if (bias) {
    for (Index e = 0; e < experts_; ++e) ranks[e] = scores[e] + bias[e];
    scores = ranks;
  }
  top_k(scores, experts_, k_, chosen);
  scores = run.scores + row * run.stride;
  float sum = 0;
  for (Index j = 0; j < k_; ++j) sum += weights[j] = scores[chosen[j]];
  if (!normalize_) return;
  sum = std::max(sum, kLeastSum);
  for (Index j = 0; j < k_; ++j) weights[j] /= sum;
}

RouterRun ScoreRouter::forward(const Input& x, Index rows, const ParameterBlock& block,
                               const RunInfo& info, Arena& arena) const {
  RouterRun run;
  run.stride = round_up(experts_, kPanelWidth);
  run.logits = arena.take<float>(rows * run.stride);
  run.scores = arena.take<float>(rows * run.stride);
  run.log_sums = arena.take<float>(rows);
  run.choice = make_choice(rows, k_, arena);
  float* ranks = arena.take<float>(rows * run.stride);
  router_product(x, rows, block, kernel_, run.logits, run.stride, arena);
  prepare_logits(x, rows, block, info, arena, run);

  const float* bias = bias_ >= 0 ? block.slice(bias_) : nullptr;
  parallel_for(rows, static_cast<double>(experts_ * 16), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index at = i * run.stride;
      run.log_sums[i] = score_row(run.logits + at, run.scores + at);
      choose_row(i, bias, ranks + at, run);
    }
  });

  Index* counts = arena.take_zeroed<Index>(experts_);
  for (Index entry = 0; entry < run.choice.entries(); ++entry) ++counts[run.choice.experts[entry]];
  run.counts = counts;
  if (balance_.has_loss()) run.loss = balance_.loss(balance_scores(run, arena), arena);
  return run;
}

Scores ScoreRouter::balance_scores(const RouterRun& run, Arena& arena) const {
  const Index rows = run.choice.rows;
  float* probabilities = arena.take<float>(rows * run.stride);
  for (Index i = 0; i < rows; ++i) {
    const float* scores = run.scores + i * run.stride;
    set_scaled(scores, 1.0f / std::max(sum_of(scores, experts_), kLeastSum),
               probabilities + i * run.stride, experts_);
  }
  return {.probabilities = probabilities,
          .log_sums = run.log_sums,
          .rows = rows,
          .experts = experts_,
          .stride = run.stride,
          .counts = run.counts,
          .entries = run.choice.entries()};
}

void ScoreRouter::add_balance_slopes(const RouterRun& run, float* d_logits, Arena& arena) const {
  const Index rows = run.choice.rows;
  if (balance_.aux_loss > 0) {
    float* slopes = arena.take_zeroed<float>(experts_);
    balance_.add_aux_slopes(balance_scores(run, arena), slopes);
    for (Index i = 0; i < rows; ++i)
      balance_row_backward(run.scores + i * run.stride, slopes, d_logits + i * run.stride);
  }
  if (balance_.z_loss > 0) {
    float* probabilities = arena.take<float>(experts_);
    for (Index i = 0; i < rows; ++i) {
      softmax_forward(run.logits + i * run.stride, probabilities, experts_);
      add_scaled(probabilities, balance_.z_slope(run.log_sums[i], rows), d_logits + i * run.stride,
                 experts_);
    }
  }
}

void ScoreRouter::backward(const Input& x, const RouterRun& run, const float* d_weights,
                           const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                           Arena& arena) const {
  const Index rows = run.choice.rows;
  float* d_logits = arena.take_zeroed<float>(rows * run.stride);
  parallel_for(rows, static_cast<double>(experts_ * 4), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      weigh_row_backward(run.scores + i * run.stride, run.choice.experts + i * k_,
                         run.choice.weights + i * k_, d_weights + i * k_,
                         d_logits + i * run.stride);
  });
  add_balance_slopes(run, d_logits, arena);
  backward_logits(x, run, d_logits, block, d_x, sink, arena);
  router_product_backward(x, rows, d_logits, run.stride, block, kernel_, d_x, sink, arena);
}

void ScoreRouter::finish_step(const RouterRun& run, ParameterBlock& block) const {
  if (bias_ >= 0)
    balance_.update_bias(run.counts, experts_, run.choice.entries(), block.slice(bias_));
}

}  // namespace gatewise
