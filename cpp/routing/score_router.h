// Routers that score experts by a linear map of the row, logits = x W, and choose the k best.
#pragma once

#include <limits>

#include "routing/router.h"

namespace gatewise {

// Lower bound of the sum that normalizes weights: if all chosen scores underflow to 0, so do the
// weights.
inline constexpr float kMinSum = std::numeric_limits<float>::min();

// Weights of the chosen experts: their scores, their scores divided by the sum, or 1 each.
enum class Weighing { kScores, kNormalized, kOnes };

// Reads option "router.normalize", on by default.
inline Weighing weighing_by_scores(const Options& options) {
  const bool is_off = options.has("router.normalize") && !options.flag("router.normalize");
  return is_off ? Weighing::kScores : Weighing::kNormalized;
}

class ScoreRouter : public Router {
 public:
  ScoreRouter(const Options& options, Index k, Weighing weighing);

  void declare(ParameterBlock& block, Index width) override;
  Index per_row() const override { return k_; }
  RouterRun forward(const Input& x, Index rows, const ParameterBlock& block, const RunInfo& info,
                    Arena& arena) const override;
  void backward(const Input& x, const RouterRun& run, const float* d_weights,
                const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                Arena& arena) const override;
  void finish_step(const RouterRun& run, ParameterBlock& block) const override;

 protected:
  // A linear map: logits = rows W + bias.
  struct ScoreMap {
    Input rows;
    GroupedWeights weights;
  };

  // Returns the map that computes the logits of `rows` rows of x; by default x W_r with the
  // router's kernel.
  virtual ScoreMap score_map(const Input& x, Index rows, const ParameterBlock& block,
                             RouterRun& run, Arena& arena) const;

  // From the gradient of all logits, d_logits [rows, experts] with the run's stride: adds the
  // gradient of x to `d_x`, then updates the parameters of the map.
  virtual void map_backward(const Input& x, const RouterRun& run, const float* d_logits,
                            const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                            Arena& arena) const;

  // Whether the map is just the router's kernel.
  virtual bool has_plain_map() const { return true; }

  // One row: computes scores [experts] > 0 from logits [experts]. Scores plus balance bias rank the
  // experts; scores alone set the weights. Returns log sum exp(logits).
  virtual float score_row(const float* logits, float* scores) const = 0;

  // One row: adds to d_logits [experts] the gradient through the weights [k] of the chosen experts.
  virtual void weigh_row_backward(const float* scores, const std::int32_t* chosen,
                                  const float* weights, const float* d_weights,
                                  float* d_logits) const = 0;

  // One row: adds to d_logits the gradient through the probabilities, which are the scores divided
  // by their sum.
  virtual void balance_row_backward(const float* scores, const float* d_probabilities,
                                    float* d_logits) const = 0;

  // Whether `weigh_row_backward` reads the scores (else they may be null), and whether it adds to
  // d_logits of experts that the row did not choose.
  virtual bool gradient_needs_scores() const { return true; }
  virtual bool gradient_is_dense() const { return true; }

  // One row of a training run with `noise_kernel_`: adds noise to the logits, and overwrites noise
  // [experts], which holds x W_noise, with what backward reads.
  virtual void add_noise(Index, const RunInfo&, float*, float*) const {}

  bool is_normalized() const { return weighing_ == Weighing::kNormalized; }

  Index k_;
  Weighing weighing_;
  int noise_kernel_ = -1;  // W_noise, a second map that only training reads

 private:
  struct ScoreRows;

  // Noise of a constant deviation for all experts and rows, which declines from step to step.
  struct Noise {
    double first = 0;  // deviation at step 0
    double steps = 0;  // until it is halved; 0 for never

    double deviation(const RunInfo& info) const;
  };

  RouterRun make_run(Index rows, const RunInfo& info, Arena& arena) const;
  void route_rows(Index begin, Index end, const ParameterBlock& block, const RunInfo& info,
                  const ScoreRows& score_rows, RouterRun& run) const;
  void add_drawn_noise(Index row, const RunInfo& info, double deviation, float* logits) const;
  void choose_row(const float* scores, const float* selection_scores, std::int32_t* chosen,
                  float* weights) const;
  Scores balance_scores(const RouterRun& run, Arena& arena) const;
  void backward_all(const Input& x, const RouterRun& run, const float* d_weights,
                    const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                    Arena& arena) const;
  void backward_chosen(const Input& x, const RouterRun& run, const float* d_weights,
                       const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                       Arena& arena) const;
  void weigh_backward(Index row, const RouterRun& run, const float* d_weights,
                      float* d_logits) const;
  void add_balance_gradient(const RouterRun& run, float* d_logits, Arena& arena) const;

  float scale_;          // of the logits
  double scaled_width_;  // if not 0, `scale_` is this divided by larger widths
  Noise noise_;
  int kernel_ = -1;
  int bias_ = -1;
};

// y = x W, the linear map of a router.
void router_product(const Input& x, Index rows, const ParameterBlock& block, int kernel, float* y,
                    Index stride, Arena& arena);

// Adds d_y W^T to d_x unless d_x.d_x is null, then updates W unless sink is null.
void router_product_backward(const Input& x, Index rows, const float* d_y, Index stride,
                             const ParameterBlock& block, int kernel, RowGradient d_x,
                             UpdateSink* sink, Arena& arena);

}  // namespace gatewise
