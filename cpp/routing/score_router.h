// Routers that score experts by a linear map of the row, logits = x W, and take the k best.
#pragma once

#include <limits>

#include "routing/router.h"

namespace gatewise {

// Scores of the chosen may all underflow to 0: normalised by no less than this, their weights are 0
// too.
inline constexpr float kMinSum = std::numeric_limits<float>::min();

// What the chosen weigh: their scores, those over their sum, or 1 each.
enum class Weighing { kScores, kNormalized, kOnes };

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

  // The map that gives the logits of `rows` rows of x; here x W_r, with a kernel of the router's
  // own.
  virtual ScoreMap score_map(const Input& x, Index rows, const ParameterBlock& block,
                             RouterRun& run, Arena& arena) const;

  // From the slope by all logits, d_logits [rows, experts] with the run's stride: adds the slope by
  // x to `d_x`, then updates what the map is made of.
  virtual void map_backward(const Input& x, const RouterRun& run, const float* d_logits,
                            const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                            Arena& arena) const;

  // Whether the map is the router's one kernel.
  virtual bool has_plain_map() const { return true; }

  // One row: logits [experts] to scores [experts] > 0, which rank the experts (the balance bias
  // added) and weigh those chosen. Returns log sum exp(logits).
  virtual float score_row(const float* logits, float* scores) const = 0;

  // One row: adds to d_logits [experts] the slope by the weights [k] of the chosen.
  virtual void weigh_row_backward(const float* scores, const std::int32_t* chosen,
                                  const float* weights, const float* d_weights,
                                  float* d_logits) const = 0;

  // One row: adds to d_logits the slope by probabilities, which are the scores over their sum.
  virtual void balance_row_backward(const float* scores, const float* d_probabilities,
                                    float* d_logits) const = 0;

  // Whether `weigh_row_backward` reads the scores (else they may be null), and whether it adds to
  // the logits of experts that the row did not choose.
  virtual bool gradient_needs_scores() const { return true; }
  virtual bool gradient_is_dense() const { return true; }

  // Row `row` of a training run with `noise_kernel_`: changes the logits before they are scored,
  // and noise [experts] from x W_noise to what the backward pass reads.
  virtual void add_noise(Index, const RunInfo&, float*, float*) const {}

  bool is_normalized() const { return weighing_ == Weighing::kNormalized; }

  Index k_;
  Weighing weighing_;
  int noise_kernel_ = -1;  // a second map W_noise, which only training reads

 private:
  struct ScoreRows;

  RouterRun make_run(Index rows, const RunInfo& info, Arena& arena) const;
  void route_rows(Index begin, Index end, const ParameterBlock& block, const RunInfo& info,
                  const ScoreRows& score_rows, RouterRun& run) const;
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

  int kernel_ = -1;
  int bias_ = -1;
};

// A router's own linear map: y = x W.
void router_product(const Input& x, Index rows, const ParameterBlock& block, int kernel, float* y,
                    Index stride, Arena& arena);

// Adds d_y W^T to d_x (where asked for), then updates W.
void router_product_backward(const Input& x, Index rows, const float* d_y, Index stride,
                             const ParameterBlock& block, int kernel, RowGradient d_x,
                             UpdateSink* sink, Arena& arena);

}  // namespace gatewise
