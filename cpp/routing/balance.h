// Load balancing of experts: two losses on the router's scores and one rule without a loss.
#pragma once

#include "core/options.h"
#include "routing/dispatch.h"

namespace gatewise {

// Scores and assignment counts of a batch.
struct Scores {
  const float* scores = nullptr;    // [rows, experts] with `stride`
  const float* scales = nullptr;    // [rows] factors that turn scores into probabilities (sum 1)
  const float* log_sums = nullptr;  // [rows] log sum_e exp(logit)
  Index rows = 0;
  Index experts = 0;
  Index stride = 0;
  const Index* counts = nullptr;  // [experts] assignment count of each expert
  Index num_assignments = 0;
};

struct Balance {
  // Weight of E sum_e f_e P_e, f_e the fraction of assignments and P_e the mean probability of
  // expert e (Fedus, Zoph and Shazeer 2022, "Switch Transformers", eq. 4 to 6; 1 for equal loads).
  float aux_loss = 0;
  // Weight of mean_i (log sum_e exp(logit))^2 (Zoph et al. 2022, "ST-MoE", eq. 5).
  float z_loss = 0;
  // Step of the selection bias, b_e += rate sign(mean count - count_e) after every training step
  // (Wang et al. 2024, "Auxiliary-loss-free load balancing", algorithm 1).
  float bias_rate = 0;

  static Balance from_options(const Options& options);

  bool has_loss() const { return aux_loss > 0 || z_loss > 0; }

  double loss(const Scores& scores, Arena& arena) const;

  // d_probabilities[e] += the gradient of the auxiliary loss with respect to the probability of
  // expert e, the same for every row.
  void add_aux_gradient(const Index* counts, Index num_assignments, Index rows, Index experts,
                        float* d_probabilities) const;

  // The gradient of the z-loss with respect to logit (i, e) is this times softmax(logits)[i, e].
  float z_loss_derivative(float log_sum, Index rows) const;

  void update_bias(const Index* counts, Index experts, Index num_assignments, float* bias) const;
};

}  // namespace gatewise
