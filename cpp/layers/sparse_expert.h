// y = f(sum_j w_j E_j(x) + shared(x) + b), summed over the experts that a router chose for the row.
// With members, each has a router and experts of its own.
#pragma once

#include "experts/expert.h"
#include "layers/layer.h"
#include "routing/output_sum_scorer.h"
#include "routing/router.h"

namespace gatewise {

class SparseExpertLayer final : public Layer {
 public:
  explicit SparseExpertLayer(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) override;
  void finish_step(void* saved, bool updated) override;
  Activation output_activation() const override { return activation_; }
  void set_output_activation(Activation activation) override { activation_ = activation; }
  std::vector<Index>* training_load() override { return &training_load_; }
  Index members() const override { return members_; }
  bool reads_sparse() const override { return true; }

  // Runs only the router.
  RouterRun route(const Input& x, Index rows, Arena& arena) const;

 protected:
  Index declare(const std::vector<Index>& input_widths) override;
  void start_values() override;
  void update_derived_values() override;

 private:
  struct Saved;

  void shared_forward(ForwardPass& pass, Saved& saved) const;
  void combine(ForwardPass& pass, const Saved& saved, Activation activation) const;
  void chosen_backward(BackwardPass& pass, const Saved& saved, float* d_weights) const;
  void shared_backward(BackwardPass& pass, const Saved& saved) const;
  void sum_outputs(Index expert);

  Index units_;
  Index members_;
  Index experts_;  // of all members
  Index shared_count_;
  Activation activation_;
  bool use_bias_;
  std::unique_ptr<Router> router_;
  OutputSumScorer* output_sum_scorer_ = nullptr;  // the router, if it scores output sums
  std::unique_ptr<Expert> expert_;
  std::unique_ptr<Expert> shared_;  // null without shared experts
  int output_bias_ = -1;
  AlignedBuffer output_sums_;  // [experts, width], rows padded, if the router scores them
  std::vector<Index> training_load_;
  std::vector<char> stale_sums_;  // by expert: an update of its kernel is done or pending
};

}  // namespace gatewise
