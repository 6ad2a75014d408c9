#include "routing/score_router.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "kernels/random_fill.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/softmax.h"
#include "kernels/top_k.h"
#include "products/thread_scratch.h"
#include "routing/chosen_product_backward.h"
#include "routing/router_row_blocks.h"

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

ScoreRouter::ScoreRouter(const Options& options, Index k, Weighing weighing)
    : Router(options),
      k_(k),
      weighing_(weighing),
      scale_(static_cast<float>(options.number_or("router.scale", 1))),
      scaled_width_(options.number_or("router.scaled_width", 0)),
      noise_{options.number_or("router.noise", 0), options.number_or("router.noise_steps", 0)} {
  require(k >= 1 && k <= experts_, "k: expected 1 <= k <= num_experts (", experts_, "), got ", k);
}

void ScoreRouter::declare(ParameterBlock& block, Index width) {
  const double inputs = static_cast<double>(width);
  if (scaled_width_ > 0) scale_ = static_cast<float>(std::min(1.0, scaled_width_ / inputs));
  if (has_plain_map()) kernel_ = block.add_matrix("router_kernel", "router", width, experts_);
  if (balance_.bias_rate > 0) bias_ = block.add_vector("balance_bias", "state", experts_);
}

ScoreRouter::ScoreMap ScoreRouter::score_map(const Input& x, Index, const ParameterBlock& block,
                                             RouterRun&, Arena&) const {
  return {x, grouped_weights(block, kernel_, -1)};
}

void ScoreRouter::map_backward(const Input& x, const RouterRun& run, const float* d_logits,
                               const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                               Arena& arena) const {
  router_product_backward(x, run.choice.rows, d_logits, run.stride, block, kernel_, d_x, sink,
                          arena);
}

namespace {

// From this many experts per chosen expert, products with only the chosen are faster: at 2 they
// take two thirds of the time, at 8 an eighth (4,096 rows of 256 values, EPYC 9004); with all
// experts chosen and few rows, twice the time.
constexpr Index kExpertsPerChosen = 2;

void multiply_by(float factor, float* values, Index count) {
  for (Index i = 0; i < count; ++i) values[i] *= factor;
}

}  // namespace

// Logits, scores, and scores plus balance bias (or null) of consecutive rows, [rows, stride] each.
struct ScoreRouter::ScoreRows {
  float* logits = nullptr;
  float* scores = nullptr;
  float* selection_scores = nullptr;

  ScoreRows from(Index floats) const {
    return {logits + floats, scores + floats,
            selection_scores ? selection_scores + floats : nullptr};
  }
};

// Allocates only the arrays that are read later; the z-loss gradient reads logits.
RouterRun ScoreRouter::make_run(Index rows, const RunInfo& info, Arena& arena) const {
  RouterRun run;
  run.stride = round_up(experts_, kPanelWidth);
  run.choice = make_choice(rows, k_, arena);
  run.log_sums = arena.take<float>(rows);
  const Index floats = rows * run.stride;
  if (info.training && balance_.z_loss > 0) run.logits = arena.take<float>(floats);
  if ((info.training && gradient_needs_scores()) || balance_.aux_loss > 0)
    run.scores = arena.take<float>(floats);
  if (info.training && info.draws_noise && noise_kernel_ >= 0)
    run.noise = arena.take<float>(floats);
  return run;
}

void ScoreRouter::choose_row(const float* scores, const float* selection_scores,
                             std::int32_t* chosen, float* weights) const {
  top_k(selection_scores, experts_, k_, chosen);
  if (weighing_ == Weighing::kOnes) {
    std::fill_n(weights, k_, 1.0f);
    return;
  }
  float sum = 0;
  for (Index j = 0; j < k_; ++j) sum += weights[j] = scores[chosen[j]];
  if (!is_normalized()) return;
  sum = std::max(sum, kMinSum);
  for (Index j = 0; j < k_; ++j) weights[j] /= sum;
}

double ScoreRouter::Noise::deviation(const RunInfo& info) const {
  if (!info.training || !info.draws_noise) return 0;
  return steps > 0 ? first / (1 + static_cast<double>(info.step) / steps) : first;
}

void ScoreRouter::add_drawn_noise(Index row, const RunInfo& info, double deviation,
                                  float* logits) const {
  const Index start = info.draw(row, experts_);
  alignas(64) float draws[kPanelWidth];
  for (Index e = 0; e < experts_; e += kPanelWidth) {
    fill_normal(info.seed, info.stream, start + e, 0.0f, static_cast<float>(deviation), draws,
                kPanelWidth);
    add_scaled(draws, 1.0f, logits + e, std::min(kPanelWidth, experts_ - e));
  }
}

// Computes the experts and weights of rows [begin, end) from their logits.
void ScoreRouter::route_rows(Index begin, Index end, const ParameterBlock& block,
                             const RunInfo& info, const ScoreRows& score_rows,
                             RouterRun& run) const {
  const double deviation = noise_.deviation(info);
  for (Index i = begin; i < end; ++i) {
    const ScoreRows row = score_rows.from((i - begin) * run.stride);
    if (scale_ != 1) multiply_by(scale_, row.logits, experts_);
    if (deviation > 0) add_drawn_noise(i, info, deviation, row.logits);
    if (run.noise) add_noise(i, info, row.logits, run.noise + i * run.stride);
    run.log_sums[i] = score_row(row.logits, row.scores);
    if (row.selection_scores) {
      std::copy_n(row.scores, experts_, row.selection_scores);
      add_scaled(block.slice(bias_), 1.0f, row.selection_scores, experts_);
    }
    choose_row(row.scores, row.selection_scores ? row.selection_scores : row.scores,
               run.choice.experts + i * k_, run.choice.weights + i * k_);
  }
}

RouterRun ScoreRouter::forward(const Input& x, Index rows, const ParameterBlock& block,
                               const RunInfo& info, Arena& arena) const {
  RouterRun run = make_run(rows, info, arena);
  const Index stride = run.stride;
  const ScoreMap map = score_map(x, rows, block, run, arena);
  const RowBlocks cut = cut_rows(rows, stride);
  const auto take_workspace = [&] { return arena.take<float>(cut.workspace_rows * stride); };
  const ScoreRows all{run.logits ? run.logits : take_workspace(),
                      run.scores ? run.scores : take_workspace(),
                      bias_ >= 0 ? take_workspace() : nullptr};
  const double score_work = static_cast<double>(experts_ * 16);
  if (cut.count == 1) {
    grouped_forward(map.rows, all_rows(rows, arena), map.weights,
                    {.y = all.logits, .y_stride = stride});
    if (run.noise) router_product(x, rows, block, noise_kernel_, run.noise, stride, arena);
    parallel_for(rows, score_work, [&](Index begin, Index end) {
      route_rows(begin, end, block, info, all.from(begin * stride), run);
    });
  } else {
    const double row_work = mean_depth(map.rows, rows) * static_cast<double>(stride) + score_work;
    const auto route = [&](Index begin, Index end, int thread) {
      // A thread's part of the workspace, or the rows in the run.
      const Index thread_offset = thread * cut.rows * stride, row_offset = begin * stride;
      const ScoreRows score_rows{
          all.logits + (run.logits ? row_offset : thread_offset),
          all.scores + (run.scores ? row_offset : thread_offset),
          all.selection_scores ? all.selection_scores + thread_offset : nullptr};
      const auto product = [&](const ScoreMap& of, float* y) {
        multiply(of.rows.from(begin), end - begin, of.weights, 0, {.y = y, .y_stride = stride});
      };
      product(map, score_rows.logits);
      if (run.noise)
        product({x, grouped_weights(block, noise_kernel_, -1)}, run.noise + row_offset);
      route_rows(begin, end, block, info, score_rows, run);
    };
    parallel_for(
        cut.count, static_cast<double>(cut.rows) * row_work,
        [&](Index begin, Index end, int thread) {
          for (Index b = begin; b < end; ++b)
            route(b * cut.rows, std::min(rows, (b + 1) * cut.rows), thread);
        },
        cut.threads);
  }
  run.choice.tally = tally_choice(run.choice, experts_, arena);
  run.counts = run.choice.tally.totals;
  if (balance_.has_loss()) run.loss = balance_.loss(balance_scores(run, arena), arena);
  return run;
}

Scores ScoreRouter::balance_scores(const RouterRun& run, Arena& arena) const {
  const Index rows = run.choice.rows;
  float* scales = nullptr;
  if (run.scores) {
    scales = arena.take<float>(rows);
    parallel_for(rows, static_cast<double>(experts_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        scales[i] = 1.0f / std::max(sum_of(run.scores + i * run.stride, experts_), kMinSum);
    });
  }
  return {.scores = run.scores,
          .scales = scales,
          .log_sums = run.log_sums,
          .rows = rows,
          .experts = experts_,
          .stride = run.stride,
          .counts = run.counts,
          .num_assignments = run.choice.num_assignments()};
}

void ScoreRouter::add_balance_gradient(const RouterRun& run, float* d_logits, Arena& arena) const {
  if (!balance_.has_loss()) return;
  const Index rows = run.choice.rows, stride = run.stride;
  float* d_probabilities = nullptr;
  if (balance_.aux_loss > 0) {
    d_probabilities = arena.take_zeroed<float>(experts_);
    balance_.add_aux_gradient(run.counts, run.choice.num_assignments(), rows, experts_,
                              d_probabilities);
  }
  const ThreadScratch scratch(stride, arena);
  const auto add = [&](Index begin, Index end, int thread) {
    float* probabilities = scratch.of(thread);
    for (Index i = begin; i < end; ++i) {
      float* d_row = d_logits + i * stride;
      if (d_probabilities) balance_row_backward(run.scores + i * stride, d_probabilities, d_row);
      if (balance_.z_loss == 0) continue;
      softmax_forward(run.logits + i * stride, probabilities, experts_);
      add_scaled(probabilities, balance_.z_loss_derivative(run.log_sums[i], rows), d_row, experts_);
    }
  };
  parallel_for(rows, static_cast<double>(experts_ * 16), add, scratch.threads());
}

void ScoreRouter::weigh_backward(Index row, const RouterRun& run, const float* d_weights,
                                 float* d_logits) const {
  const Index assignment = row * k_;
  weigh_row_backward(run.scores ? run.scores + row * run.stride : nullptr,
                     run.choice.experts + assignment, run.choice.weights + assignment,
                     d_weights + assignment, d_logits);
}

void ScoreRouter::backward(const Input& x, const RouterRun& run, const float* d_weights,
                           const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                           Arena& arena) const {
  const bool is_dense = gradient_is_dense() || balance_.has_loss();
  const bool by_choice =
      !is_dense && has_plain_map() && !x.is_sparse() && experts_ >= kExpertsPerChosen * k_;
  if (by_choice)
    backward_chosen(x, run, d_weights, block, d_x, sink, arena);
  else
    backward_all(x, run, d_weights, block, d_x, sink, arena);
}

void ScoreRouter::backward_all(const Input& x, const RouterRun& run, const float* d_weights,
                               const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                               Arena& arena) const {
  const Index rows = run.choice.rows, stride = run.stride;
  float* d_logits = arena.take<float>(rows * stride);
  parallel_for(rows, static_cast<double>(stride * 4), [&](Index begin, Index end) {
    std::fill(d_logits + begin * stride, d_logits + end * stride, 0.0f);
    for (Index i = begin; i < end; ++i) weigh_backward(i, run, d_weights, d_logits + i * stride);
  });
  add_balance_gradient(run, d_logits, arena);
  if (run.noise) {
    float* d_noise_logits = arena.take<float>(rows * stride);
    parallel_for(rows, static_cast<double>(stride), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index at = i * stride; at < i * stride + experts_; ++at)
          d_noise_logits[at] = d_logits[at] * run.noise[at];
    });
    router_product_backward(x, rows, d_noise_logits, stride, block, noise_kernel_, d_x, sink,
                            arena);
  }
  if (scale_ != 1)
    parallel_for(rows, static_cast<double>(stride), [&](Index begin, Index end) {
      multiply_by(scale_, d_logits + begin * stride, (end - begin) * stride);
    });
  map_backward(x, run, d_logits, block, d_x, sink, arena);
}

// Backward with gradients of the chosen logits only, [rows, k].
void ScoreRouter::backward_chosen(const Input& x, const RouterRun& run, const float* d_weights,
                                  const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                                  Arena& arena) const {
  const Choice& choice = run.choice;
  float* d_chosen = arena.take<float>(choice.num_assignments());
  float* d_noise_logits = run.noise ? arena.take<float>(choice.num_assignments()) : nullptr;
  const ThreadScratch scratch = ThreadScratch::zeroed(run.stride, arena);
  const auto weigh = [&](Index begin, Index end, int thread) {
    float* d_row = scratch.of(thread);  // reset to zero after each row
    for (Index i = begin; i < end; ++i) {
      weigh_backward(i, run, d_weights, d_row);
      for (Index assignment = i * k_; assignment < (i + 1) * k_; ++assignment) {
        const Index expert = choice.experts[assignment];
        d_chosen[assignment] = std::exchange(d_row[expert], 0.0f);
        if (d_noise_logits)
          d_noise_logits[assignment] = d_chosen[assignment] * run.noise[i * run.stride + expert];
        d_chosen[assignment] *= scale_;
      }
    }
  };
  parallel_for(choice.rows, static_cast<double>(k_ * 16), weigh, scratch.threads());
  const Dispatch dispatch = make_dispatch(choice, experts_, arena);
  if (d_noise_logits)
    chosen_product_backward(x, choice, dispatch, d_noise_logits, block, noise_kernel_, d_x, sink,
                            arena);
  chosen_product_backward(x, choice, dispatch, d_chosen, block, kernel_, d_x, sink, arena);
}

void ScoreRouter::finish_step(const RouterRun& run, ParameterBlock& block) const {
  if (bias_ >= 0)
    balance_.update_bias(run.counts, experts_, run.choice.num_assignments(), block.slice(bias_));
}

}  // namespace gatewise
