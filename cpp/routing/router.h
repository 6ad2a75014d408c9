// A router: rows in, each row's experts and weights out, and back.
//
// To add one: derive from Router (or from ScoreRouter, which does all but turn scores into weights)
// in a file of its own, register it there under a name, and give it a class in gatewise/routers.py.
#pragma once

#include "core/registry.h"
#include "routing/balance.h"

namespace gatewise {

// What tells one run from another, for random numbers.
struct RunInfo {
  bool training = false;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  std::uint64_t step = 0;
};

// One forward pass of a router, kept for its backward.
struct RouterRun {
  Choice choice;
  const Index* counts = nullptr;  // [experts] assignments of each expert
  double loss = 0;                // balance losses, weighted
  // What else a router keeps where it is read again, else null; [rows, experts] with `stride`.
  float* logits = nullptr;
  float* scores = nullptr;
  float* noise = nullptr;
  float* log_sums = nullptr;  // [rows]
  Index stride = 0;
  void* saved = nullptr;  // what a kind of router keeps beside
};

// The gradient of the rows that a router reads, to be added to; null where nobody asks for it.
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

  // Entries of every row.
  virtual Index per_row() const = 0;

  // Whether one bias of the layer replaces those of the experts' outputs.
  virtual bool has_shared_bias() const { return false; }

  virtual RouterRun forward(const Input& x, Index rows, const ParameterBlock& block,
                            const RunInfo& info, Arena& arena) const = 0;

  // Whether scores are sums of the experts' outputs, s_e = x . (W_e 1) + b_e . 1, for linear
  // experts. Then the layer gives the sums of every kernel and bias that changes, and asks
  // `output_sums_backward`.
  virtual bool scores_outputs() const { return false; }

  // The sums of expert e: of each row of its kernel, [width], and of its bias.
  virtual void set_output_sums(Index /*e*/, const float* /*sums*/, float /*bias_sum*/) {}

  // From the slopes by the weights of one row's assignments [per_row] to those by the sum of each
  // assignment's outputs, to be added to the slope by every one of them.
  virtual void output_sums_backward(const RouterRun&, Index /*row*/, const float* /*d_weights*/,
                                    float* /*d_sums*/) const {}

  // Takes the loss's slope by each assignment's weight [assignments], adds the slope by x to `d_x`,
  // then updates the router's parameters through `sink` (null: frozen).
  virtual void backward(const Input& x, const RouterRun& run, const float* d_weights,
                        const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                        Arena& arena) const = 0;

  // After a training step, with that step's run: rules that are no gradient.
  virtual void finish_step(const RouterRun&, ParameterBlock&) const {}

  Index experts() const { return experts_; }

 protected:
  Index experts_;
  Balance balance_;
};

}  // namespace gatewise
