// A router assigns experts and their weights to each row.
//
// To add one: derive from Router (or from ScoreRouter, which leaves only the computation of scores
// and their gradients) in a new file, register it there under a name, and add its class in
// gatewise/routers/.
#pragma once

#include "core/random_streams.h"
#include "core/registry.h"
#include "routing/balance.h"

namespace gatewise {

// Identifies a run, for its random numbers.
struct RunInfo {
  bool training = false;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  std::uint64_t step = 0;
  bool draws_noise = true;  // in training
  Index first_row = 0;      // of the step's rows, for noise

  // Index in the stream of the first number that a row draws for its experts.
  Index draw(Index row, Index experts) const {
    return static_cast<Index>(step * kNoiseDrawsPerStep) + (first_row + row) * experts;
  }
};

// One forward pass of a router, kept for its backward.
struct RouterRun {
  Choice choice;
  const Index* counts = nullptr;  // [experts] assignment count of each expert
  double loss = 0;                // balance losses, weighted
  // Kept only if they are read again, else null; [rows, experts] with `stride`.
  float* logits = nullptr;
  float* scores = nullptr;
  float* noise = nullptr;
  float* log_sums = nullptr;  // [rows]
  Index stride = 0;
  void* saved = nullptr;  // further values of a router kind
};

// Where to add the gradient of the rows that a router reads; d_x is null if it is not needed.
struct RowGradient {
  float* d_x = nullptr;
  Index stride = 0;
};

class Router {
 public:
  Router(const Options& options)
      : experts_(options.integer("num_experts")), balance_(Balance::from_options(options)) {
    require(experts_ >= 1, "num_experts: expected at least 1, got ", experts_);
  }
  virtual ~Router() = default;
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // Adds the router's parameters for rows of `width` values to the layer's block.
  virtual void declare(ParameterBlock& block, Index width) = 0;

  // Count of assignments per row.
  virtual Index per_row() const = 0;

  // Whether one bias of the layer replaces the output biases of the experts.
  virtual bool has_shared_bias() const { return false; }

  virtual RouterRun forward(const Input& x, Index rows, const ParameterBlock& block,
                            const RunInfo& info, Arena& arena) const = 0;

  // Takes the gradient of each assignment's weight [assignments], adds the gradient of x to `d_x`,
  // then updates the router's parameters through `sink` (null: frozen).
  virtual void backward(const Input& x, const RouterRun& run, const float* d_weights,
                        const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                        Arena& arena) const = 0;

  // Called after a training step with its run, for updates that are not gradient steps.
  virtual void finish_step(const RouterRun&, ParameterBlock&) const {}

  Index experts() const { return experts_; }

 protected:
  Index experts_;
  Balance balance_;
};

}  // namespace gatewise
